//! Starting the program, and a server.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The answer of a command that succeeded.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    pub(crate) fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|bad| panic!("{bad}: {out}"))
    }

    /// What a command that must fail says, with its exit code.
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self.err
    }
}

pub(crate) fn kiln(arguments: &[&str]) -> Said {
    kiln_at("http://127.0.0.1:9", arguments)
}

/// The program as a client of a server.
pub(crate) fn kiln_at(server: &str, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(arguments)
        .env("KILN_SERVER", server)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// A server of a data folder; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: String,
    child: Child,
}

impl Server {
    pub(crate) fn start(data: &Path) -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_kiln"));
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        Self::of(&mut serve)
    }

    /// A server with accounts: the first one has this password and token.
    pub(crate) fn start_with_accounts(data: &Path, password: &str, token: &str) -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_kiln"));
        serve.args(["serve", "--accounts", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        serve.env("KILN_INITIAL_ADMIN_PASSWORD", password);
        serve.env("KILN_INITIAL_ADMIN_TOKEN", token);
        Self::of(&mut serve)
    }

    /// A server whose files may not become larger than this: a disk that fills up.
    pub(crate) fn start_with_room(data: &Path, kibibytes: u32) -> Self {
        // Without the trap the system would end the process instead of failing the write.
        let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$@\"");
        let mut serve = Command::new("bash");
        serve.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_kiln")]);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        Self::of(&mut serve)
    }

    /// A server that begins with room for few open files, as many systems have it.
    pub(crate) fn start_with_few_files(data: &Path, files: u32) -> Self {
        let script = format!("ulimit -Sn {files}; exec \"$@\"");
        let mut serve = Command::new("bash");
        serve.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_kiln")]);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        Self::of(&mut serve)
    }

    fn of(serve: &mut Command) -> Self {
        let mut child = serve.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        if line.starts_with("made the account") {
            line.clear();
            said.read_line(&mut line).unwrap();
        }
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}"));
        Self { address: address.to_owned(), child }
    }

    pub(crate) fn kiln(&self, arguments: &[&str]) -> Said {
        kiln_at(&self.address, arguments)
    }

    /// As `kill -9`, while others use it.
    pub(crate) fn kill_now(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
    }

    /// The data of a GraphQL query.
    pub(crate) fn query(&self, text: &str) -> Value {
        let mut answer = ureq::post(format!("{}/graphql", self.address))
            .send_json(serde_json::json!({"query": text}))
            .unwrap();
        let answer: Value = answer.body_mut().read_json().unwrap();
        answer["data"].clone()
    }

    /// As a service manager stops it: it drains and ends by itself.
    pub(crate) fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}
