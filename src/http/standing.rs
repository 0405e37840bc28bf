//! Where callbox stands, for Prometheus: which components are well, and which alarms are raised.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::problem::Problem;
use super::room::Room;
use super::{alarms, health};
use crate::domain::reach::Reach;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfComponent {
    component: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAlarm {
    r#type: &'static str,
    subject: String,
}

/// How the components are, and which alarms are raised: as `/health` tells it.
pub(super) async fn register(
    room: &Room,
    reach: &Reach,
    registry: &mut Registry,
) -> Result<(), Problem> {
    let well = Family::<OfComponent, Gauge>::default();
    for (component, ok) in health::components(room).await.named() {
        well.get_or_create(&OfComponent { component }).set(i64::from(ok));
    }
    registry.register("component_ok", "1 while a component is well, 0 while it is ill", well);
    let raised = Family::<OfAlarm, Gauge>::default();
    let told = if reach.sources().is_none() { alarms::raised(room).await? } else { Vec::new() };
    for alarm in told {
        raised.get_or_create(&OfAlarm { r#type: alarm.kind, subject: alarm.subject }).set(1);
    }
    registry.register("alarm_raised", "1 for each alarm that is raised", raised);
    Ok(())
}
