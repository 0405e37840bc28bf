//! The real program as its own process: started, watched, killed, and started again on what it left.

use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, kill_process};

/// A folder with a configuration, in which one program after the other runs.
pub(crate) struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    /// A folder whose configuration has these sections besides free ports, a store, and a source `shop` of Wavecell's.
    pub(crate) fn new(text: &str) -> Self {
        Self::with("", text)
    }

    /// The same with these lines, too, before the first section.
    pub(crate) fn with(lines: &str, text: &str) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let place = Self { directory };
        let whole = format!(
            "server.listen = \"127.0.0.1:0\"\napi.listen = \"127.0.0.1:0\"\napi.anonymous = \"loopback\"\n\
             store.path = \"{}\"\n{lines}[sources.shop]\nvendor = \"wavecell\"\nauth = [{{ type = \"none\" }}]\n{text}",
            place.database().display()
        );
        std::fs::write(place.configuration(), whole).unwrap();
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("data").join("callbox.db")
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.path().join("callbox.toml")
    }

    /// What stands in the configuration.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.configuration()).unwrap()
    }

    fn command(&self, log: &str) -> Command {
        let mut command = Command::new(under_test());
        command.args(["--log", log, "serve", "--config"]).arg(self.path().join("callbox.toml"));
        command
    }

    /// Starts the program; it takes requests once this returns.
    pub(crate) fn start(&self) -> Program {
        Program::of(self.command("off").stderr(Stdio::inherit()))
    }

    /// The same, with all that it can log in this file.
    pub(crate) fn start_logging(&self, log: &Path) -> Program {
        Program::of(self.command("trace").stderr(std::fs::File::create(log).unwrap()))
    }

    /// The same with these sockets and this environment, as systemd does it.
    pub(crate) fn start_with(&self, sockets: Vec<OwnedFd>, variables: &[(&str, &str)]) -> Program {
        let mut command = self.command("off");
        let count = sockets.len().to_string();
        let mappings = sockets.into_iter().zip(3..);
        let mappings = mappings.map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
        command.fd_mappings(mappings.collect()).unwrap();
        command.env("LISTEN_FDS", count).envs(variables.iter().copied());
        Program::of(command.stderr(Stdio::inherit()))
    }

    /// Starts the program with a bound on the size of its files, in blocks of 512 bytes: a write beyond it fails as on a bad disk.
    pub(crate) fn start_bounded(&self, blocks: u32) -> Program {
        let mut command = Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let program = self.command("off");
        command.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
        Program::of(command.stderr(Stdio::inherit()))
    }

    /// Starts the program under `strace` with these arguments, which writes what it sees into the file `trace`.
    pub(crate) fn start_traced(&self, trace: &Path, arguments: &[&str]) -> Program {
        let mut command = self.traced(trace, arguments);
        Program::of(command.stderr(Stdio::inherit())).that_is_traced()
    }

    /// The same where it may refuse: then what it said and how it ended.
    pub(crate) fn try_traced(&self, trace: &Path, arguments: &[&str]) -> Result<Program, Output> {
        let said = self.path().join("said");
        let log = std::fs::File::create(&said).unwrap();
        let mut command = self.traced(trace, arguments);
        let child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let started = Program::with(child).map_err(|mut child| Output {
            status: child.wait().unwrap(),
            stdout: Vec::new(),
            stderr: std::fs::read(said).unwrap(),
        });
        started.map(Program::that_is_traced)
    }

    fn traced(&self, trace: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("strace");
        let program = self.command("off");
        command.args(arguments).arg("-o").arg(trace);
        command.arg(program.get_program()).args(program.get_args());
        command
    }

    /// Runs another command of the program, with this place's configuration, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
        command.args(arguments).arg("--config").arg(self.path().join("callbox.toml"));
        command.output().unwrap()
    }

    /// Starts the program where it has to refuse: what it said and how it ended.
    pub(crate) fn refusal(&self) -> Output {
        self.command("off").output().unwrap()
    }
}

/// The program under test: the one that was built with this test, unless `CALLBOX_EVIDENCE_PROGRAM` names another, such as one that
/// is broken on purpose.
fn under_test() -> PathBuf {
    let other = std::env::var_os("CALLBOX_EVIDENCE_PROGRAM");
    other.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_callbox")), PathBuf::from)
}

/// A running program; killed when dropped.
pub(crate) struct Program {
    child: Child,
    /// The program itself, if the child is what traces it.
    traced: Option<Pid>,
    output: Lines<BufReader<ChildStdout>>,
    pub(crate) vendors: SocketAddr,
    pub(crate) api: SocketAddr,
}

impl Program {
    fn of(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        Self::with(child).unwrap_or_else(|_| unreachable!("the program did not start"))
    }

    /// The program once it listens, or the child that does not.
    fn with(mut child: Child) -> Result<Self, Child> {
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let Some((vendors, api)) = banner(&mut output) else { return Err(child) };
        Ok(Self { child, traced: None, output, vendors, api })
    }

    /// The same if the child is what traces it.
    fn that_is_traced(mut self) -> Self {
        let outer = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{outer}/task/{outer}/children"));
        let inner: i32 = children.unwrap().trim().parse().unwrap();
        self.traced = Pid::from_raw(inner);
        self
    }

    /// Has the program on the disk take its place, and waits until it has.
    pub(crate) fn upgrade(&mut self) {
        self.ask_to_upgrade();
        let begun = banner(&mut self.output);
        assert_eq!(begun, Some((self.vendors, self.api)));
    }

    /// Asks it to let the program on the disk take its place.
    pub(crate) fn ask_to_upgrade(&self) {
        kill_process(self.pid(), Signal::USR2).unwrap();
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Asks it to read its configuration again.
    pub(crate) fn hang_up(&self) {
        kill_process(self.pid(), Signal::HUP).unwrap();
    }

    /// Its number among the system's processes.
    pub(crate) fn id(&self) -> i32 {
        self.pid().as_raw_nonzero().get()
    }

    fn pid(&self) -> Pid {
        self.traced.unwrap_or_else(|| Pid::from_child(&self.child))
    }

    /// Ends it where it is, as a power cut would.
    pub(crate) fn kill(&mut self) {
        kill_process(self.pid(), Signal::KILL).unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

/// Where the program says that it listens, once it has begun; nowhere if it has ended.
fn banner(output: &mut Lines<BufReader<ChildStdout>>) -> Option<(SocketAddr, SocketAddr)> {
    let mut address = |label: &str| -> Option<SocketAddr> {
        let line = output.find_map(|line| line.ok().filter(|line| line.contains(label)))?;
        Some(line.rsplit_once("http://").unwrap().1.parse().unwrap())
    };
    Some((address("vendors push to")?, address("ask at")?))
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already; what traces it ends with it.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(self.pid(), Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
