//! The lifeline: a pipe whose writing end a parent process holds, so that a daemon never outlives the command that started it.
//!
//! The parent may die of SIGKILL; the kernel closes its end all the same. Deliberately absent: what is done then.

use std::os::fd::OwnedFd;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// Ends when the other end of the pipe is gone; never without a pipe. What is written into it is ignored.
pub async fn parent_gone(lifeline: Option<OwnedFd>) {
    let Some(lifeline) = lifeline else { return std::future::pending().await };
    let mut pipe = match pipe::Receiver::from_owned_fd(lifeline) {
        Ok(pipe) => pipe,
        Err(error) => {
            // Better no daemon than one that nobody will ever end.
            tracing::error!(%error, "the lifeline is not the reading end of a pipe");
            return;
        }
    };
    let mut ignored = [0; 64];
    while pipe.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
    tracing::info!("the parent process is gone");
}
