//! One loopback port that speaks for all three services.

use crate::clock::SystemClock;
use crate::dynamodb::DynamoDb;
use crate::kms::Kms;
use crate::roles::Roles;
use crate::sqs::Sqs;
use crate::store::Store;
use crate::wire::{Protocol, respond};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse as _;
use axum::serve::ListenerExt as _;
use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The largest request that is read, in bytes: DynamoDB's limit, above SQS's and KMS's.
pub(crate) const MAX_BODY: usize = 16 * 1024 * 1024;

/// How long open requests may take at shutdown.
const GRACE: Duration = Duration::from_secs(5);

/// How to start.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The directory that keeps everything, made if it is not there; none keeps everything in memory.
    pub data: Option<PathBuf>,
    /// Where to listen. Loopback only: nobody is authenticated. Port 0 takes any free one.
    pub bind: SocketAddr,
}

impl Default for EmbeddedOptions {
    /// In memory, on any free port.
    fn default() -> Self {
        Self { data: None, bind: SocketAddr::from(([127, 0, 0, 1], 0)) }
    }
}

/// Why the services could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is one that other machines could reach.
    #[error("embedded AWS authenticates nobody and listens on loopback addresses only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The port is taken, or may not be used.
    #[error("cannot listen")]
    Listen(#[source] std::io::Error),
    /// The data directory cannot be made.
    #[error("cannot make the data directory")]
    Directory(#[source] std::io::Error),
    /// Another process has it.
    #[error("another process is using the data directory: stop that one first, or take another directory")]
    Used,
    /// The queues' and keys' database cannot be opened.
    #[error("cannot open queues-and-keys.sqlite; if it is damaged, restore the directory from a backup")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// DynamoDB's database cannot be opened.
    #[error("cannot open dynamodb.sqlite; if it is damaged, restore the directory from a backup")]
    DynamoDb(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StartError {
    fn of_store(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Self::Used,
            _ => Self::Store(Box::new(error)),
        }
    }
}

/// The running services. Dropping it stops them without waiting.
pub struct Embedded {
    address: SocketAddr,
    services: Arc<Services>,
    stop: DropGuard,
    tasks: Vec<JoinHandle<()>>,
}

struct Services {
    dynamodb: DynamoDb,
    sqs: Sqs,
    kms: Kms,
    /// Nobody's requests are looked at without.
    roles: OnceLock<Roles>,
}

impl Embedded {
    /// Starts listening; the services are ready when this returns. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(options: EmbeddedOptions) -> Result<Self, StartError> {
        if !options.bind.ip().is_loopback() {
            return Err(StartError::NotLoopback(options.bind));
        }
        if let Some(directory) = &options.data {
            // For this user alone: the keys are in it, and nothing else protects them.
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(StartError::Directory)?;
        }
        let file = |name: &str| options.data.as_ref().map(|directory| directory.join(name));
        // First, because it is what refuses a second process.
        let store = Store::open(file("queues-and-keys.sqlite").as_deref());
        let store = Arc::new(store.map_err(StartError::of_store)?);
        let listener = TcpListener::bind(options.bind).await.map_err(StartError::Listen)?;
        let address = listener.local_addr().map_err(StartError::Listen)?;
        let stop = CancellationToken::new();
        // DynamoDB ends after the front, which passes requests on to it.
        let after_front = CancellationToken::new();
        let (dynamodb, behind) = DynamoDb::start(file("dynamodb.sqlite").as_deref(), after_front.clone()).await?;
        let clock = Arc::new(SystemClock);
        let services = Arc::new(Services {
            dynamodb,
            sqs: Sqs::new(store.clone(), clock.clone(), format!("http://{address}"), stop.clone()),
            kms: Kms::new(store, clock),
            roles: OnceLock::new(),
        });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&services));
        let stopped = stop.clone();
        let front = tokio::spawn(async move {
            let _ends_with_the_front = after_front.drop_guard();
            let deadline = stopped.clone();
            // An answer in two pieces must not wait for the acknowledgement of its first.
            let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
            let served = axum::serve(listener, router).with_graceful_shutdown(stopped.cancelled_owned());
            tokio::select! {
                served = served => if let Err(error) = served {
                    tracing::error!(error = &error as &dyn std::error::Error, "embedded AWS ended");
                },
                () = async { deadline.cancelled().await; tokio::time::sleep(GRACE).await } => {}
            }
        });
        Ok(Self { address, services, stop: stop.drop_guard(), tasks: vec![front, behind] })
    }

    /// `http://127.0.0.1:port`, for SDK clients.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, who signs as one of these roles may do what the role may. Only the first call counts.
    pub fn enforce(&self, roles: Roles) {
        let _first_counts = self.services.roles.set(roles);
    }

    /// Stops: waiting receivers are answered at once, open requests get five seconds.
    pub async fn shutdown(self) {
        drop(self.stop);
        for task in self.tasks {
            let _ended_either_way = tokio::time::timeout(GRACE * 2, task).await;
        }
    }
}

async fn handle(State(services): State<Arc<Services>>, request: Request<Body>) -> Response<Body> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (service, operation) = target.split_once('.').map_or(("", ""), |(s, o)| (s, o));
    let (service, operation) = (service.to_owned(), operation.to_owned());
    let (head, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, MAX_BODY).await {
        Ok(body) => body,
        // Nobody is there any more, or it is larger than any service takes.
        Err(_) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    };
    let protocol = if service == "TrentService" { Protocol::Json11 } else { Protocol::Json10 };
    if let Some(roles) = services.roles.get()
        && let Err(refusal) = roles.check(&head.headers, (&service, &operation), &body)
    {
        return respond(protocol, Err(refusal.into()));
    }
    let result = match service.as_str() {
        "AmazonSQS" => services.sqs.handle(&operation, &body).await,
        "TrentService" => services.kms.handle(&operation, &body),
        // DynamoDB answers for what nobody knows, too.
        _ => return services.dynamodb.handle(&operation, head, body).await,
    };
    respond(protocol, result)
}

#[cfg(test)]
mod tests {
    use super::{Embedded, EmbeddedOptions, StartError};

    #[tokio::test]
    async fn a_directory_has_one_process_and_only_its_user_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("aws");
        let options = EmbeddedOptions { data: Some(data.clone()), ..EmbeddedOptions::default() };
        let first = Embedded::start(options.clone()).await.unwrap();
        assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(matches!(Embedded::start(options.clone()).await, Err(StartError::Used)));
        first.shutdown().await;
        std::fs::write(data.join("queues-and-keys.sqlite"), [7; 5_000]).unwrap();
        assert!(matches!(Embedded::start(options).await, Err(StartError::Store(_))));
    }

    #[tokio::test]
    async fn an_address_that_others_can_reach_is_refused() {
        let options = EmbeddedOptions { bind: "0.0.0.0:0".parse().unwrap(), ..EmbeddedOptions::default() };
        assert!(matches!(Embedded::start(options).await, Err(StartError::NotLoopback(_))));
    }
}
