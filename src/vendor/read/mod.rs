//! Lenient readers that adapters share: JSON that is emptied as it is read, forms, times, phones, channels.

pub mod channels;
pub mod fields;
pub mod forms;
pub mod phones;
pub mod times;

pub use fields::Fields;
