//! The daemon: keeps devices alive, and serves their bytes over HTTP, EGD and a plain socket.
//!
//! The only asynchronous part of the project. Devices stay on blocking threads of their own (`qhal_backends::ensemble`);
//! one more thread, the [`drawer`], draws bytes for all clients through a bounded queue.

mod access;
mod app;
mod drawer;
mod egd;
mod http;
mod listen;
mod metrics;
mod notify;
mod quota;
mod raw;
mod receipt;
mod settings;
mod tls;

pub(crate) use settings::Settings;

use std::sync::Arc;
use std::time::Duration;

use qhal::{Error, Result};
use qhal_backends::ensemble::Ensemble;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::failure::Outcome;
use crate::{interrupt, report};

/// How often it is looked whether Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(50);

/// How long open connections get to come to their end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves until Ctrl-C or a request to terminate.
pub(crate) fn run(settings: Settings, ensemble: Ensemble) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.threads)
        .enable_all()
        .build()
        .map_err(|cause| Error::from_io(cause, "the system gave no threads to serve with"))?;
    let app = app::App::new(settings, ensemble)?;
    let outcome = runtime.block_on(serve(&app));
    notify::say("STOPPING=1");
    runtime.shutdown_timeout(FAREWELL);
    app.stop();
    outcome
}

async fn serve(app: &Arc<app::App>) -> Outcome {
    let (stop, stopped) = watch::channel(false);
    let services = start(app, &stopped).await?;
    let mut document = Map::new();
    let mut tasks = Vec::new();
    for Service { name, address, task } in services {
        document.insert(name.to_owned(), json!(address));
        tasks.push(task);
    }
    document.insert("receipt_key".to_owned(), json!(app.signer.public_hex()));
    report::json_line(&Value::Object(document))?;
    notify::say("READY=1");
    while !interrupt::requested() {
        tokio::time::sleep(LOOK).await;
    }
    report::note("stopping: no new connections; those that are open come to their end");
    // Nobody listens any more if every service has ended already.
    let _ = stop.send(true);
    for task in tasks {
        // One that does not end in time is ended with the runtime.
        let _ = tokio::time::timeout(FAREWELL, task).await;
    }
    Ok(())
}

/// One thing that is served, and where.
struct Service {
    name: &'static str,
    address: String,
    task: tokio::task::JoinHandle<()>,
}

/// Binds everything before anything is served: a wrong address is an error, not a daemon without a door.
async fn start(app: &Arc<app::App>, stopped: &watch::Receiver<bool>) -> Result<Vec<Service>> {
    let settings = &app.settings;
    let mut services = Vec::new();
    if let Some(address) = settings.listen {
        let (listener, bound) = listen::tcp(address).await?;
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let task = tokio::spawn(http::serve(Arc::clone(app), listener, stopped.clone()));
        services.push(Service { name: "http", address: format!("{scheme}://{bound}"), task });
    }
    if let Some(address) = settings.egd_listen {
        let (listener, bound) = listen::tcp(address).await?;
        let task = tokio::spawn(egd::serve_tcp(Arc::clone(app), listener, stopped.clone()));
        services.push(Service { name: "egd_tcp", address: format!("tcp:{bound}"), task });
    }
    if let Some(path) = &settings.egd_socket {
        let socket = listen::unix(path, settings.socket_mode)?;
        let task = tokio::spawn(egd::serve_unix(Arc::clone(app), socket, stopped.clone()));
        services.push(Service { name: "egd_socket", address: path.display().to_string(), task });
    }
    if let Some(path) = &settings.raw_socket {
        let socket = listen::unix(path, settings.socket_mode)?;
        let task = tokio::spawn(raw::serve(Arc::clone(app), socket, stopped.clone()));
        services.push(Service { name: "raw_socket", address: path.display().to_string(), task });
    }
    Ok(services)
}
