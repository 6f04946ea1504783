//! The measured side: a real master, real frameworks on the SDK, emulated agents, all in this process over loopback.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use meros::{Context, Offer, Resources, Scheduler, TaskUpdate};
use meros_agent::emulated::{self, EmulatedOptions};
use meros_master::{Master, MasterOptions};
use meros_types::Attributes;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Window;
use crate::machine;

/// What the agents offer: a machine of the benchmark grids, without its fragmented ports.
pub const AGENT: &str = "cpus:24;mem:4096MiB;disk:4096MiB";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Counts, shared by all schedulers.
#[derive(Debug, Default)]
struct Counts {
    offers: AtomicU64,
    callbacks: AtomicU64,
}

/// Declines every offer at once, with no filter.
struct Decliner(Arc<Counts>);

impl Scheduler for Decliner {
    fn offers(&mut self, offers: &mut [Offer], _cx: &mut Context) {
        self.0.offers.fetch_add(offers.len() as u64, Relaxed);
        self.0.callbacks.fetch_add(1, Relaxed);
        for offer in offers {
            offer.decline_for(Duration::ZERO);
        }
    }

    fn update(&mut self, _update: &TaskUpdate, _cx: &mut Context) {}
}

/// A cluster that runs.
pub struct Cluster {
    counts: Arc<Counts>,
    stop: watch::Sender<bool>,
    parts: JoinSet<Result<(), Failure>>,
    _work_dir: tempfile::TempDir,
}

impl Cluster {
    /// Starts a master, agents and frameworks, and waits until the offers flow.
    ///
    /// # Errors
    /// When any part of it can't start, or ends early.
    pub async fn start(frameworks: usize, agents: usize) -> Result<Self, Failure> {
        let work_dir = tempfile::Builder::new().prefix("meros-bench-").tempdir()?;
        let mut options = MasterOptions::new(work_dir.path().join("master"));
        options.listen.set_port(0);
        options.home = None;
        let token_file = work_dir.path().join("master").join("token");
        let master = Master::bind(options).await?;
        let address = master.address().to_string();
        let (stop, stopping) = watch::channel(false);
        let mut parts: JoinSet<Result<(), Failure>> = JoinSet::new();
        let shutdown = stopped(stopping.clone());
        parts.spawn(async move { Ok(master.serve(shutdown).await?) });
        let emulated = EmulatedOptions {
            master: address.clone(),
            token_file: Some(token_file.clone()),
            agents,
            connections: agents.min(4),
            resources: Resources::parse(AGENT)?,
            attributes: Attributes::default(),
            task_duration: Duration::ZERO,
        };
        let shutdown = stopped(stopping.clone());
        parts.spawn(async move { Ok(emulated::run(emulated, shutdown).await?) });
        let counts = Arc::<Counts>::default();
        for index in 0..frameworks {
            let framework = meros::Framework::new(format!("decliner-{index}")).master(&address).token_file(&token_file);
            let (handle, running) = framework.spawn(Decliner(counts.clone()))?;
            let stopping = stopping.clone();
            parts.spawn(async move {
                stopped(stopping).await;
                // One that is over already needs no stopping.
                let _ = handle.call(|_, cx| cx.teardown()).await;
                running.await.map(drop).map_err(Into::into)
            });
        }
        let mut cluster = Self { counts, stop, parts, _work_dir: work_dir };
        let enough = (agents.max(frameworks) * 2) as u64;
        while cluster.counts.offers.load(Relaxed) < enough {
            cluster.pause(Duration::from_millis(20)).await?;
        }
        Ok(cluster)
    }

    /// Counts offers for a while.
    ///
    /// # Errors
    /// When a part of the cluster ends meanwhile.
    pub async fn measure(&mut self, window: Duration) -> Result<Window, Failure> {
        let (began, cpu) = (Instant::now(), machine::own_cpu());
        let (offers, callbacks) = (self.counts.offers.load(Relaxed), self.counts.callbacks.load(Relaxed));
        self.pause(window).await?;
        Ok(Window {
            offers: self.counts.offers.load(Relaxed) - offers,
            messages: self.counts.callbacks.load(Relaxed) - callbacks,
            wall: began.elapsed(),
            cpu: machine::own_cpu() - cpu,
        })
    }

    /// Ends every part.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.parts.join_next().await.is_some() {}
    }

    async fn pause(&mut self, wait: Duration) -> Result<(), Failure> {
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            ended = self.parts.join_next() => Err(match ended {
                Some(Ok(Err(error))) => error,
                other => io::Error::other(format!("a part of the cluster ended early: {other:?}")).into(),
            }),
        }
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that the cluster is gone, which is a stop too.
    let _ = stopping.wait_for(|stop| *stop).await;
}
