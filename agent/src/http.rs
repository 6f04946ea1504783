//! The agent's two HTTP pages, `/healthz` and `/metrics`, for load balancers and Prometheus.
//!
//! They need no token, since there is nothing to do with what they tell; the Host header is checked all the same. Deliberately
//! absent: everything that acts on tasks, which comes over streams that the agent has opened.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use meros_daemon::host::{HostCheck, guarded};
use meros_daemon::metrics::CONTENT_TYPE as METRICS_TYPE;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::daemon::Counts;
use crate::error::Error;
use crate::metrics;

/// After an accept that failed, mostly for lack of file descriptors: trying again at once would only burn a core.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Serves the pages, for ever.
pub(crate) async fn serve(listener: TcpListener, counts: Arc<Counts>) -> Result<(), Error> {
    let address = listener.local_addr().map_err(Error::file("ask the address of", "the HTTP socket"))?;
    let connections = TcpIncoming::from(listener).with_nodelay(Some(true)).then(async |accepted| {
        if accepted.is_err() {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
        accepted
    });
    let routes = Routes::from(router(counts, HostCheck::new(address)));
    Server::builder().accept_http1(true).add_routes(routes).serve_with_incoming(connections).await.map_err(Error::Server)
}

fn router(counts: Arc<Counts>, check: HostCheck) -> Router {
    let pages = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics_page))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there are /healthz and /metrics\n") })
        .with_state(counts);
    guarded(pages, check)
}

async fn metrics_page(State(counts): State<Arc<Counts>>) -> Response {
    match metrics::render(&counts) {
        Ok(page) => ([(CONTENT_TYPE, METRICS_TYPE)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
