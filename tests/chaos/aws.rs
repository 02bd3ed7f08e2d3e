//! The embedded AWS in a process of its own, so that it can be killed as a machine kills: without a word.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;
use vyrox_local_aws::{Embedded, EmbeddedOptions};

/// How often it is looked whether it serves yet; a busy machine may take its time.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 3_000;

/// The process, its data, its port.
pub(crate) struct Aws {
    data: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Aws {
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        // It must come back under the same address, so it is chosen here.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = serve(data.path().into(), port);
        let mut aws = Self { data, port, child };
        aws.until_it_serves().await;
        aws
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `kill -9`, nothing for a while, and the same data again.
    pub(crate) async fn crash(&mut self, gone_for: Duration) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        tokio::time::sleep(gone_for).await;
        self.child = serve(self.data.path().into(), self.port);
        self.until_it_serves().await;
    }

    async fn until_it_serves(&mut self) {
        for _ in 0..LOOKS {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the embedded AWS did not come up");
            tokio::time::sleep(LOOK).await;
        }
        panic!("the embedded AWS does not serve");
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _ended_before = self.child.wait();
    }
}

/// This executable again, in the role of the ignored test below.
fn serve(data: PathBuf, port: u16) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "aws::serve_until_killed", "--ignored"])
        .env("VYROX_TEST_AWS_DATA", data)
        .env("VYROX_TEST_AWS_PORT", port.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "serves until it is killed"]
async fn serve_until_killed() {
    let (data, port) = vyrox_tests::aws_of_its_own().expect("the test that starts this sets it");
    let options = EmbeddedOptions { data: Some(data), bind: ([127, 0, 0, 1], port).into() };
    let _serving = Embedded::start(options).await.unwrap();
    std::future::pending::<()>().await;
}
