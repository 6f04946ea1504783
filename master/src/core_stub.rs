//! temporary
use meros_master_core::*;
use meros_types::*;
pub struct Master { term: Term }
impl Master {
    pub fn new(c: MasterConfig) -> Self { Self { term: c.term } }
    pub fn handle(&mut self, _now: Now, e: Event, fx: &mut Vec<Effect>) {
        match e {
            Event::Asked { token, request } => {
                let reply = match request {
                    Request::State => Reply::State(Box::new(ClusterState { term: self.term, ..Default::default() })),
                    Request::Metrics => Reply::Metrics(Default::default()),
                    Request::OpenLog { .. } => Reply::LogOpening,
                    Request::KillTask { .. } => Reply::Killing,
                };
                fx.push(Effect::Reply { token, reply });
            }
            Event::FrameworkSaid { stream, message } => {
                let sub = message.calls.iter().any(|c| matches!(c, Call::Subscribe(_)));
                let session = SessionId { term: self.term, n: stream.0 };
                let event = if sub { FrameworkEvent::Subscribed(Subscribed { framework: FrameworkId::from_bytes([1;16]), epoch: Epoch(1), heartbeat: std::time::Duration::from_secs(5) }) } else { FrameworkEvent::Heartbeat };
                fx.push(Effect::ToFramework { stream, message: ToFramework { session, event } });
            }
            _ => {}
        }
    }
    pub fn flush(&mut self, _now: Now, _fx: &mut Vec<Effect>) {}
    pub fn wakeup(&self) -> Option<Time> { None }
}
