//! Health and metrics over HTTP, for the machines that watch this one.
//!
//! | path       | answer                                                              |
//! |------------|---------------------------------------------------------------------|
//! | `/healthz` | 200 while the process runs                                          |
//! | `/readyz`  | 200 while all ports accept and the store takes changes, 503 else    |
//! | `/metrics` | counters in the text format of Prometheus                           |

mod bounded;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::context::Context;

/// Serves until shutdown is requested.
pub(crate) async fn serve(context: Arc<Context>, socket: TcpListener) {
    let shutdown = context.shutdown.clone();
    let routes = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(context);
    let served = axum::serve(bounded::Bounded::new(socket), routes)
        .with_graceful_shutdown(async move { shutdown.requested().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "the HTTP port failed");
    }
}

async fn ready(State(context): State<Arc<Context>>) -> Response {
    match context.not_ready() {
        None => "ok\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics(State(context): State<Arc<Context>>) -> Response {
    const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match context.metrics_text() {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
