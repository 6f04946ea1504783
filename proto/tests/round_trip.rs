//! Every message survives the wire as it was, and nothing that a peer may send makes a reader panic.

mod messages;
#[path = "../../types/tests/strategies/mod.rs"]
mod strategies;

use std::fmt::Debug;

use meros_proto::{Explain, KillTask, MarkGone, ReadLog, RemoveWindow, SetDuty, SetWindow, WireError, v1};
use meros_types::{ClusterState, FromAgent, FromFramework, RolesUpdate, ToAgent, ToFramework};
use messages::{
    cluster_state, explain, from_agent, from_framework, log_stream, mark_gone, remove_window, roles_update, set_duty, set_window,
    to_agent, to_framework,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;
use strategies::{duration, framework_id, task_id};

/// A message of the domain and its counterpart on the wire.
trait Wired: Sized + Clone + PartialEq + Debug + TryFrom<Self::Wire, Error = WireError> {
    type Wire: Message + Default + From<Self>;
}

macro_rules! wired {
    ($($domain:ident => $wire:ident,)*) => {
        $(impl Wired for $domain {
            type Wire = v1::$wire;
        })*
    };
}

wired! {
    FromFramework => FrameworkRequest,
    ToFramework => FrameworkResponse,
    FromAgent => AgentRequest,
    ToAgent => AgentResponse,
    ClusterState => ClusterState,
    KillTask => KillTaskRequest,
    ReadLog => ReadLogRequest,
    RolesUpdate => UpdateRolesRequest,
    SetDuty => SetDutyRequest,
    MarkGone => MarkGoneRequest,
    SetWindow => SetWindowRequest,
    RemoveWindow => RemoveWindowRequest,
    Explain => ExplainRequest,
}

fn to_bytes<D: Wired>(message: D) -> Vec<u8> {
    D::Wire::from(message).encode_to_vec()
}

fn check_round_trip<D: Wired>(message: D) {
    let wire = D::Wire::decode(to_bytes(message.clone()).as_slice()).expect("its own bytes");
    assert_eq!(D::try_from(wire), Ok(message));
}

/// Reads bytes from anywhere. What can be read is a message like any other, so that it survives the wire too.
fn check_reading<D: Wired>(bytes: &[u8]) {
    if let Ok(Ok(message)) = D::Wire::decode(bytes).map(D::try_from) {
        check_round_trip(message);
    }
}

/// One mishap on the way: a byte changed, removed, doubled, or the rest cut off.
#[derive(Clone, Copy, Debug)]
struct Mishap {
    at: usize,
    byte: u8,
    kind: u8,
}

impl Mishap {
    fn any() -> impl Strategy<Value = Mishap> {
        (any::<usize>(), any::<u8>(), 0..5_u8).prop_map(|(at, byte, kind)| Mishap { at, byte, kind })
    }

    fn befall(self, bytes: &mut Vec<u8>) {
        let Some(at) = self.at.checked_rem(bytes.len()) else { return };
        match self.kind {
            0 => bytes[at] = self.byte,
            1 => bytes[at] = bytes[at].wrapping_add(1),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, self.byte),
            _ => bytes.truncate(at),
        }
    }
}

fn check_mishaps<D: Wired>(message: D, mishaps: Vec<Mishap>) {
    let mut bytes = to_bytes(message);
    for mishap in mishaps {
        mishap.befall(&mut bytes);
        check_reading::<D>(&bytes);
    }
}

fn mishaps() -> impl Strategy<Value = Vec<Mishap>> {
    vec(Mishap::any(), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn from_a_framework(message in from_framework(), mishaps in mishaps()) {
        check_round_trip(message.clone());
        check_mishaps(message, mishaps);
    }

    #[test]
    fn to_a_framework(message in to_framework(), mishaps in mishaps()) {
        check_round_trip(message.clone());
        check_mishaps(message, mishaps);
    }

    #[test]
    fn from_an_agent(message in from_agent(), mishaps in mishaps()) {
        check_round_trip(message.clone());
        check_mishaps(message, mishaps);
    }

    #[test]
    fn to_an_agent(message in to_agent(), mishaps in mishaps()) {
        check_round_trip(message.clone());
        check_mishaps(message, mishaps);
    }

    #[test]
    fn the_state(state in cluster_state(), mishaps in mishaps()) {
        check_round_trip(state.clone());
        check_mishaps(state, mishaps);
    }

    #[test]
    fn what_operators_ask(
        framework in option::of(framework_id()), task in task_id(), grace in option::of(duration()),
        stream in log_stream(), offset in any::<u64>(), follow in any::<bool>(), mishaps in mishaps(),
    ) {
        let kill = KillTask { framework, task: task.clone(), grace };
        let read = ReadLog { framework, task, stream, offset, follow };
        check_round_trip(kill.clone());
        check_round_trip(read.clone());
        check_mishaps(kill, mishaps.clone());
        check_mishaps(read, mishaps);
    }

    #[test]
    fn what_operators_decide(
        update in roles_update(), duty in set_duty(), gone in mark_gone(), set in set_window(), remove in remove_window(),
        explain in explain(), mishaps in mishaps(),
    ) {
        check_round_trip(update.clone());
        check_round_trip(duty);
        check_round_trip(gone);
        check_round_trip(set.clone());
        check_round_trip(remove.clone());
        check_round_trip(explain.clone());
        check_mishaps(update, mishaps.clone());
        check_mishaps(duty, mishaps.clone());
        check_mishaps(gone, mishaps.clone());
        check_mishaps(set, mishaps.clone());
        check_mishaps(remove, mishaps.clone());
        check_mishaps(explain, mishaps);
    }

    #[test]
    fn garbage(bytes in vec(any::<u8>(), 0..200)) {
        check_reading::<FromFramework>(&bytes);
        check_reading::<ToFramework>(&bytes);
        check_reading::<FromAgent>(&bytes);
        check_reading::<ToAgent>(&bytes);
        check_reading::<ClusterState>(&bytes);
        check_reading::<KillTask>(&bytes);
        check_reading::<ReadLog>(&bytes);
        check_reading::<RolesUpdate>(&bytes);
        check_reading::<SetDuty>(&bytes);
        check_reading::<SetWindow>(&bytes);
        check_reading::<Explain>(&bytes);
        if let Ok(chunk) = v1::LogChunk::decode(bytes.as_slice()) {
            let _ = chunk.check();
        }
    }
}
