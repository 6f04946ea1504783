//! A master's life: take the work directory and the address, begin a term, listen, serve until told to stop, leave nothing open.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use meros_master_core::{Master as Core, Registry};
use meros_proto::Token;
use meros_proto::token::home_file;
use meros_types::Term;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::door::Door;
use crate::driver::{Counts, Driver};
use crate::error::Error;
use crate::guard::TokenCheck;
use crate::http::{self, Http};
use crate::logs::Readers;
use crate::options::MasterOptions;
use crate::registry::{RegistryFile, RegistryStore, RegistryWriter};
use crate::services::{self, Services};
use crate::work_dir::{self, WorkDir};
use meros_daemon::clock;
use meros_daemon::host::HostCheck;
use meros_daemon::lifeline::parent_gone;

/// How often a silent connection is asked whether it is alive, and how long it may take to say so. Together they are well below
/// the time after which a peer is given up, so that a dead machine's connection is gone by then.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_WAIT: Duration = Duration::from_secs(10);
/// How many streams one connection may have: emulated agents share a few connections by the thousand.
const CONNECTION_STREAMS_MAX: u32 = 65_536;
/// How long the open streams have to end when the master stops. Those that don't read are cut off.
const STOP_WAIT: Duration = Duration::from_millis(500);
/// How many connections may wait to be accepted: a new master's agents all come within a few seconds.
const BACKLOG_MAX: u32 = 1_024;
/// After an accept that failed, mostly for lack of file descriptors: trying again at once would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A master that listens and is ready to serve.
pub struct Master {
    options: MasterOptions,
    work_dir: WorkDir,
    listener: TcpListener,
    address: SocketAddr,
    token: Token,
    term: Term,
    store: RegistryFile,
    registry: Registry,
}

/// Binds and serves, until `shutdown` ends.
///
/// # Errors
/// As [`Master::bind`] and [`Master::serve`].
pub async fn run(options: MasterOptions, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    Master::bind(options).await?.serve(shutdown).await
}

impl Master {
    /// Takes the work directory, makes or reads the token, begins a new term, and listens.
    ///
    /// # Errors
    /// When the address may not or can't be listened on, another master has the work directory, a file is in the way, or the
    /// registry can't be read or written.
    pub async fn bind(options: MasterOptions) -> Result<Self, Error> {
        if !options.listen.ip().is_loopback() && !options.allow_insecure_listen {
            return Err(Error::InsecureListen { address: options.listen });
        }
        raise_open_files();
        let work_dir = WorkDir::take(&options.work_dir)?;
        let token = work_dir.token(options.token_file.as_deref())?;
        let in_use = |source| Error::Listen { address: options.listen, source };
        let socket = bound(options.listen).map_err(in_use)?;
        let address = socket.local_addr().map_err(in_use)?;
        let mut store = RegistryFile::open(&options.work_dir)?;
        let (term, registry) = store.begin()?;
        leave_token(&options, address, &token);
        // Nobody comes in before the term is on the disk and the token where they look for it: who doesn't find it then gives up.
        let listener = socket.listen(BACKLOG_MAX).map_err(in_use)?;
        Ok(Self { options, work_dir, listener, address, token, term, store, registry })
    }

    /// Where it listens; with the port that was taken if none was named.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What every connection to it must carry.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The leadership that it begins.
    pub fn term(&self) -> Term {
        self.term
    }

    /// Serves until `shutdown` ends or the lifeline breaks, and ends within a second of that.
    ///
    /// # Errors
    /// When the registry can't be written, or the loop or the server fails, which no peer can bring about.
    pub async fn serve(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let seed = u64::from_ne_bytes(clock::random().map_err(Error::file("read", "/dev/urandom"))?);
        let core = Core::recovered(self.options.config(self.term, seed), self.registry, clock::now());
        let lifeline = self.options.lifeline.take();
        let (stop, stopping) = watch::channel(false);
        let (door, inputs) = Door::new();
        let counts = Arc::<Counts>::default();
        let registry = RegistryWriter::start(self.store, Arc::clone(&counts.registry))
            .map_err(Error::file("start a thread for", &self.options.work_dir))?;
        let mut driver = tokio::spawn(Driver::new(core, inputs, registry, Arc::clone(&counts)).run(stopping.clone()));
        tracing::info!(address = %self.address, term = self.term.0, "the master serves");

        let (listener, home_file) = (self.listener, home_token(&self.options, self.address));
        let routes = all_routes(door, &counts, &self.token, self.address, stopping.clone());
        let mut server = tokio::spawn(serve(routes, listener, stopping));
        let result = tokio::select! {
            () = shutdown => Ok(()),
            () = parent_gone(lifeline) => Ok(()),
            ended = &mut driver => ended.map_err(|_| Error::Loop).flatten(),
            ended = &mut server => ended.map_err(|_| Error::Loop).and_then(|ended| ended.map_err(Error::Server)),
        };
        // Nobody hears it only when the loop and the server have both ended already.
        let _ = stop.send(true);
        let loop_ended = if driver.is_finished() { Ok(()) } else { driver.await.map_err(|_| Error::Loop).flatten() };
        if !server.is_finished() && tokio::time::timeout(STOP_WAIT, &mut server).await.is_err() {
            server.abort();
        }
        tracing::info!("the master has stopped");
        if self.options.destroy_on_exit {
            if let Some(file) = home_file {
                work_dir::take_token_back(&file, &self.token);
            }
            self.work_dir.destroy()?;
        }
        result.and(loop_ended)
    }
}

/// A socket that has this address and does not listen yet. That connections of an earlier master linger there does not matter.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Leaves the token for the same user's programs. A service often has no home to write to, and then does without.
fn leave_token(options: &MasterOptions, address: SocketAddr, token: &Token) {
    let Some(file) = home_token(options, address) else { return };
    if let Err(error) = work_dir::leave_token(&file, token) {
        tracing::warn!(%error, "the token can't be left for this user's programs; give them --token-file");
    }
}

/// Every peer is a connection, and the usual soft limit of 1,024 is far fewer than a cluster has. A master forks nothing that
/// could be harmed by a high one.
fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(errno) = raised {
        tracing::warn!(%errno, "the limit on open files can't be raised; it bounds how many peers can connect");
    }
}

fn home_token(options: &MasterOptions, address: SocketAddr) -> Option<PathBuf> {
    options.home.as_ref().map(|home| home_file(home, &address.to_string()))
}

fn all_routes(door: Door, counts: &Arc<Counts>, token: &Token, address: SocketAddr, stopping: watch::Receiver<bool>) -> Routes {
    let token = TokenCheck::new(token.clone());
    let services = Services { door: door.clone(), readers: Readers::default(), stopping };
    let pages = http::router(Http::new(door, token.clone(), Arc::clone(counts)), HostCheck::new(address));
    services::routes(Routes::from(pages), &services, &token)
}

async fn serve(routes: Routes, listener: TcpListener, mut stopping: watch::Receiver<bool>) -> Result<(), tonic::transport::Error> {
    let connections = TcpIncoming::from(listener).with_nodelay(Some(true)).then(async |accepted| {
        if let Err(error) = &accepted {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
        accepted
    });
    Server::builder()
        .accept_http1(true)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_WAIT))
        .max_concurrent_streams(CONNECTION_STREAMS_MAX)
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, async move { drop(stopping.wait_for(|stopping| *stopping).await) })
        .await
}
