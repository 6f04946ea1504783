//! The few HTTP pages of the master: `/healthz`, `/metrics` and `/state`.
//!
//! Every page checks the Host header. `/state` needs the token; `/healthz` and `/metrics` don't, since load balancers and
//! Prometheus come without one and there is nothing to do with what they tell. Deliberately absent: the web page.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use meros_daemon::host::{HostCheck, guarded};
use meros_daemon::metrics::CONTENT_TYPE as METRICS_TYPE;
use meros_master_core::{Metrics, Reply, Request as Question};
use meros_types::ClusterState;
use tokio::sync::Mutex;

use crate::decided::Decided;
use crate::door::Door;
use crate::driver::Counts;
use crate::guard::{TOKEN_WANTED, TokenCheck};
use crate::metrics;

/// The figures by role and duty are made from the whole state, which takes the loop a while in a large cluster. They are made
/// again after so many times that while, so that they cost a hundredth of its time however often somebody reads them.
const DECIDED_PAUSES: u32 = 100;

/// What the pages have at hand.
pub(crate) struct Http {
    pub(crate) door: Door,
    pub(crate) token: TokenCheck,
    pub(crate) counts: Arc<Counts>,
    pub(crate) decided: Mutex<Option<Known>>,
}

impl Http {
    pub(crate) fn new(door: Door, token: TokenCheck, counts: Arc<Counts>) -> Self {
        Self { door, token, counts, decided: Mutex::new(None) }
    }
}

/// What was last known of what operators decide about.
pub(crate) struct Known {
    decided: Arc<Decided>,
    until: Instant,
}

/// The pages, and an answer to every other path.
pub(crate) fn router(http: Http, check: HostCheck) -> Router {
    let pages = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics_page))
        .route("/state", get(state_page))
        .fallback(other_page)
        .with_state(Arc::new(http));
    guarded(pages, check)
}

async fn metrics_page(State(http): State<Arc<Http>>) -> Response {
    let (Some(metrics), Some(decided)) = (ask_metrics(&http.door).await, decided(&http).await) else { return stopping() };
    match metrics::render(&metrics, &decided, &http.counts) {
        Ok(page) => ([(CONTENT_TYPE, METRICS_TYPE)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn state_page(State(http): State<Arc<Http>>, headers: HeaderMap) -> Response {
    if !http.token.admits(headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok())) {
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], format!("{TOKEN_WANTED}\n")).into_response();
    }
    let Some(state) = ask_state(&http.door).await else { return stopping() };
    // A large cluster's page takes a while to write; other requests don't wait for it.
    match tokio::task::spawn_blocking(move || serde_json::to_vec(&state)).await {
        Ok(Ok(page)) => ([(CONTENT_TYPE, "application/json")], page).into_response(),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        Err(_) => stopping(),
    }
}

async fn ask_metrics(door: &Door) -> Option<Metrics> {
    match door.ask(door.next_token(), Question::Metrics).await {
        Ok(Reply::Metrics(metrics)) => Some(*metrics),
        _ => None,
    }
}

/// What operators decide about, as of now or a short while ago.
async fn decided(http: &Http) -> Option<Arc<Decided>> {
    let mut known = http.decided.lock().await;
    if let Some(known) = known.as_ref().filter(|known| Instant::now() < known.until) {
        return Some(Arc::clone(&known.decided));
    }
    let began = Instant::now();
    let decided = Arc::new(Decided::of(&ask_state(&http.door).await?));
    let until = Instant::now() + began.elapsed() * DECIDED_PAUSES;
    *known = Some(Known { decided: Arc::clone(&decided), until });
    Some(decided)
}

async fn ask_state(door: &Door) -> Option<ClusterState> {
    match door.ask(door.next_token(), Question::State).await {
        Ok(Reply::State(state)) => Some(*state),
        _ => None,
    }
}

fn stopping() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the master is stopping\n").into_response()
}

async fn other_page(request: Request) -> Response {
    let is_grpc = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if is_grpc {
        // What gRPC says of a service that isn't there.
        return tonic::Status::unimplemented("this master has no such service").into_http::<axum::body::Body>();
    }
    (StatusCode::NOT_FOUND, "there are /healthz, /metrics and /state\n").into_response()
}
