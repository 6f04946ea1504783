//! The agent's two HTTP pages, `/healthz` and `/metrics`, for load balancers and Prometheus.
//!
//! They need no token, since there is nothing to do with what they tell; the Host header is checked all the same. Deliberately
//! absent: everything that acts on tasks, which comes over streams that the agent has opened.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::daemon::Counts;
use crate::error::Error;
use crate::guard::HostCheck;
use crate::metrics;

/// After an accept that failed, mostly for lack of file descriptors: trying again at once would only burn a core.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

struct Http {
    host: HostCheck,
    counts: Arc<Counts>,
}

/// Serves the pages, for ever.
pub(crate) async fn serve(listener: TcpListener, counts: Arc<Counts>) -> Result<(), Error> {
    let address = listener.local_addr().map_err(Error::file("ask the address of", "the HTTP socket"))?;
    let connections = TcpIncoming::from(listener).with_nodelay(Some(true)).then(async |accepted| {
        if accepted.is_err() {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
        accepted
    });
    let routes = Routes::from(router(Http { host: HostCheck::new(address), counts }));
    Server::builder().accept_http1(true).add_routes(routes).serve_with_incoming(connections).await.map_err(Error::Server)
}

fn router(http: Http) -> Router {
    let http = Arc::new(http);
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics_page))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there are /healthz and /metrics\n") })
        .layer(from_fn_with_state(Arc::clone(&http), check_host))
        .with_state(http)
}

/// A page of the web that had its name resolved to our address names itself here, and can't help it. Who names no host is no
/// browser.
async fn check_host(State(http): State<Arc<Http>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(HOST).map(|value| value.to_str().unwrap_or_default());
    let authority = request.uri().authority().map(axum::http::uri::Authority::as_str);
    match header.into_iter().chain(authority).find(|host| !http.host.admits(host)) {
        None => next.run(request).await,
        Some(host) => {
            let reason = format!("this is not {host:?}: ask by a loopback name, or by the address that the agent listens on\n");
            (StatusCode::FORBIDDEN, reason).into_response()
        }
    }
}

async fn metrics_page(State(http): State<Arc<Http>>) -> Response {
    match metrics::render(&http.counts) {
        Ok(page) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
