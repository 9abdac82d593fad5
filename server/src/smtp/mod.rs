//! The SMTP sessions.

use std::sync::Arc;

use crate::config::Role;
use crate::context::Context;
use crate::stream::Stream;

/// Serves one connection until it ends.
pub async fn serve(context: Arc<Context>, stream: Stream, role: Role) {
    let _ = (context, stream, role);
}
