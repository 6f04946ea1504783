//! The simulated network: streams between the master and everybody else. Owned: which streams there are, and what becomes of what
//! is put on them. A stream is ordered and reliable until it breaks; a break loses what is in flight, and the two ends hear of
//! it at different times, or not at all. Absent: what the messages mean.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_types::Time;

use crate::Random;
use crate::queue::Queue;
use crate::wire::Carried;

/// The longest time until an end hears that its stream broke, when it hears of it at all.
const BREAK_NOTICED_MAX: Duration = Duration::from_secs(3);
/// The longest time until an attempt to connect over a cut network fails.
const CONNECT_FAILS_MAX: Duration = Duration::from_secs(2);

/// Who has streams to the master, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Client {
    Agent(usize),
    Framework(usize),
}

/// One of a stream's two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Master,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Side::Client => Side::Master,
            Side::Master => Side::Client,
        }
    }
}

/// What the network brings to one of its ends.
#[derive(Debug)]
pub(crate) enum Transit {
    /// The connection that the client asked for is open.
    Opens,
    /// A message is there.
    Arrives(Side, Box<Carried>),
    /// The stream is gone for this end.
    Closes(Side, &'static str),
}

#[derive(Debug)]
struct Stream {
    client: Client,
    /// Whether each end still believes in it.
    open: [bool; 2],
    /// When the last thing on the way to each end gets there: nothing overtakes it.
    last: [Time; 2],
    broken: bool,
    /// Whether the client's attempt to connect has been answered. It always is, be it by its own timeout.
    answered: bool,
}

/// All streams that anybody still believes in, by their number.
#[derive(Debug)]
pub(crate) struct Network {
    streams: BTreeMap<u64, Stream>,
    opened: u64,
    cut_until: BTreeMap<Client, Time>,
    /// Whether the master's process runs.
    master_is_up: bool,
    latency: (Duration, Duration),
    /// How often, in a thousand, a message arrives twice.
    doubles: u64,
    random: Random,
}

impl Network {
    pub(crate) fn new(latency: (Duration, Duration), doubles: u64, random: Random) -> Self {
        Self { streams: BTreeMap::new(), opened: 0, cut_until: BTreeMap::new(), master_is_up: true, latency, doubles, random }
    }

    /// The master's process begins, or is dead: then every stream is broken, and none opens.
    pub(crate) fn set_master<D: From<(u64, Transit)>>(&mut self, now: Time, up: bool, silent: bool, queue: &mut Queue<D>) {
        self.master_is_up = up;
        let numbers: Vec<u64> = self.streams.keys().copied().collect();
        for number in numbers.into_iter().filter(|_| !up) {
            self.break_stream(now, number, silent, queue);
            if let Some(stream) = self.streams.get_mut(&number) {
                stream.open[Side::Master as usize] = false;
                self.forget_if_over(number);
            }
        }
    }

    /// Whose stream this is, if anybody still believes in it.
    pub(crate) fn client(&self, stream: u64) -> Option<Client> {
        self.streams.get(&stream).map(|stream| stream.client)
    }

    /// Whether `side` still believes in the stream.
    pub(crate) fn is_open(&self, stream: u64, side: Side) -> bool {
        self.streams.get(&stream).is_some_and(|stream| stream.open[side as usize])
    }

    /// Begins to connect a client with the master.
    pub(crate) fn connect<D: From<(u64, Transit)>>(&mut self, now: Time, client: Client, queue: &mut Queue<D>) -> u64 {
        self.opened += 1;
        let number = self.opened;
        let cut = !self.master_is_up || self.cut_until.get(&client).is_some_and(|until| *until > now);
        self.streams.insert(number, Stream { client, open: [true, true], last: [now, now], broken: cut, answered: false });
        if cut {
            self.fail_to_connect(now, number, queue);
        } else {
            self.put(now, number, Side::Client, Transit::Opens, queue);
        }
        number
    }

    /// Sends a message from one end to the other. Says whether it is on its way.
    pub(crate) fn send<D: From<(u64, Transit)>>(
        &mut self,
        now: Time,
        stream: u64,
        from: Side,
        message: Carried,
        queue: &mut Queue<D>,
    ) -> bool {
        let on_its_way = self.streams.get(&stream).is_some_and(|stream| stream.open[from as usize] && !stream.broken);
        if on_its_way {
            if self.random.chance(self.doubles) {
                self.put(now, stream, from.other(), Transit::Arrives(from.other(), Box::new(message.clone())), queue);
            }
            self.put(now, stream, from.other(), Transit::Arrives(from.other(), Box::new(message)), queue);
        }
        on_its_way
    }

    /// One end closes its side; the other hears of it behind all that was sent before.
    pub(crate) fn close<D: From<(u64, Transit)>>(&mut self, now: Time, stream: u64, by: Side, queue: &mut Queue<D>) {
        let Some(found) = self.streams.get_mut(&stream) else { return };
        found.open[by as usize] = false;
        if found.broken {
            self.forget_if_over(stream);
        } else {
            self.put(now, stream, by.other(), Transit::Closes(by.other(), "the other side closed the stream"), queue);
        }
    }

    /// Loses what is in flight. When it is not `silent` both ends hear of it, each in its own time.
    pub(crate) fn break_stream<D: From<(u64, Transit)>>(&mut self, now: Time, stream: u64, silent: bool, queue: &mut Queue<D>) {
        let Some(found) = self.streams.get_mut(&stream) else { return };
        found.broken = true;
        if silent {
            if !found.answered {
                self.fail_to_connect(now, stream, queue);
            }
            return;
        }
        for side in [Side::Client, Side::Master] {
            let at = now.after(self.random.duration(Duration::ZERO, BREAK_NOTICED_MAX));
            queue.push(at, (stream, Transit::Closes(side, "the connection was lost")).into());
        }
    }

    /// Cuts a client off for some time: its streams break in silence, and no new one opens.
    pub(crate) fn cut<D: From<(u64, Transit)>>(&mut self, now: Time, client: Client, wait: Duration, queue: &mut Queue<D>) {
        self.cut_until.insert(client, now.after(wait));
        let whole = self.streams.iter().filter(|(_, stream)| stream.client == client && !stream.broken);
        let whole: Vec<u64> = whole.map(|(number, _)| *number).collect();
        for stream in whole {
            self.break_stream(now, stream, true, queue);
        }
    }

    /// Says whether what the network brings gets there; notes that an end has heard of the close.
    pub(crate) fn arrive(&mut self, number: u64, transit: &Transit) -> bool {
        let Some(stream) = self.streams.get_mut(&number) else { return false };
        match transit {
            Transit::Opens => {
                let opens = stream.open[Side::Client as usize] && !stream.broken;
                stream.answered |= opens;
                opens
            }
            Transit::Arrives(side, _) => stream.open[*side as usize] && !stream.broken,
            Transit::Closes(side, _) => {
                let heard = std::mem::replace(&mut stream.open[*side as usize], false);
                self.forget_if_over(number);
                heard
            }
        }
    }

    fn fail_to_connect<D: From<(u64, Transit)>>(&mut self, now: Time, stream: u64, queue: &mut Queue<D>) {
        let at = now.after(self.random.duration(Duration::ZERO, CONNECT_FAILS_MAX));
        queue.push(at, (stream, Transit::Closes(Side::Client, "the master can't be reached")).into());
    }

    fn forget_if_over(&mut self, number: u64) {
        if self.streams.get(&number).is_some_and(|stream| stream.open == [false, false]) {
            self.streams.remove(&number);
        }
    }

    fn put<D: From<(u64, Transit)>>(&mut self, now: Time, number: u64, to: Side, transit: Transit, queue: &mut Queue<D>) {
        let latency = self.random.duration(self.latency.0, self.latency.1);
        if let Some(stream) = self.streams.get_mut(&number) {
            let at = now.after(latency).max(stream.last[to as usize]);
            stream.last[to as usize] = at;
            queue.push(at, (number, transit).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use meros_types::{AgentReport, FromAgent};

    use super::*;
    use crate::wire::{Payload, carry};

    type Deliveries = Queue<(u64, Transit)>;

    fn network() -> (Network, Deliveries, u64) {
        let mut network = Network::new((Duration::from_micros(50), Duration::from_millis(2)), 0, Random::seeded(3));
        let mut queue = Deliveries::default();
        let stream = network.connect(Time(0), Client::Agent(0), &mut queue);
        assert!(network.arrive(stream, &queue.pop().unwrap().1.1));
        (network, queue, stream)
    }

    fn message() -> Carried {
        carry(Payload::FromAgent(FromAgent { session: None, report: AgentReport::Heartbeat })).unwrap()
    }

    fn drain(network: &mut Network, queue: &mut Deliveries) -> Vec<(Time, bool, &'static str)> {
        let mut seen = Vec::new();
        while let Some((at, (stream, transit))) = queue.pop() {
            let name = match &transit {
                Transit::Opens => "opens",
                Transit::Arrives(..) => "arrives",
                Transit::Closes(Side::Client, _) => "closes for client",
                Transit::Closes(Side::Master, _) => "closes for master",
            };
            seen.push((at, network.arrive(stream, &transit), name));
        }
        seen
    }

    #[test]
    fn nothing_overtakes_and_a_close_comes_last() {
        let (mut network, mut queue, stream) = network();
        for at in 0..20 {
            assert!(network.send(Time(at), stream, Side::Client, message(), &mut queue));
        }
        network.close(Time(20), stream, Side::Client, &mut queue);
        assert!(!network.send(Time(21), stream, Side::Client, message(), &mut queue));
        let seen = drain(&mut network, &mut queue);
        assert_eq!(seen.len(), 21);
        assert!(seen.iter().all(|(_, arrived, _)| *arrived) && seen.is_sorted_by_key(|(at, ..)| *at));
        assert_eq!(seen[20].2, "closes for master");
        assert_eq!(network.client(stream), None);
    }

    #[test]
    fn a_break_loses_what_is_in_flight_and_both_hear_of_it() {
        let (mut network, mut queue, stream) = network();
        network.send(Time(0), stream, Side::Client, message(), &mut queue);
        network.break_stream(Time(1), stream, false, &mut queue);
        let seen = drain(&mut network, &mut queue);
        let arrived = |name| seen.iter().filter(|(_, arrived, what)| *arrived && *what == name).count();
        assert_eq!([arrived("arrives"), arrived("closes for client"), arrived("closes for master")], [0, 1, 1]);
    }

    #[test]
    fn without_a_master_nothing_opens() {
        let (mut network, mut queue, stream) = network();
        network.set_master(Time(0), false, false, &mut queue);
        assert!(!network.is_open(stream, Side::Master));
        network.connect(Time(1), Client::Agent(0), &mut queue);
        let seen = drain(&mut network, &mut queue);
        assert!(seen.iter().all(|(_, _, name)| *name != "opens"), "{seen:?}");
        network.set_master(Time(2), true, false, &mut queue);
        network.connect(Time(3), Client::Agent(0), &mut queue);
        assert_eq!(drain(&mut network, &mut queue)[0].2, "opens");
    }

    #[test]
    fn a_doubled_message_arrives_twice_in_a_row() {
        let (mut network, mut queue, stream) = network();
        network.doubles = 1_000;
        network.send(Time(0), stream, Side::Client, message(), &mut queue);
        assert_eq!(drain(&mut network, &mut queue).len(), 2);
    }

    #[test]
    fn a_cut_is_silent_and_ends() {
        let (mut network, mut queue, stream) = network();
        network.cut(Time(0), Client::Agent(0), Duration::from_secs(1), &mut queue);
        assert!(!network.send(Time(1), stream, Side::Master, message(), &mut queue));
        assert_eq!(queue.next(), None);
        network.connect(Time(1), Client::Agent(0), &mut queue);
        assert_eq!(drain(&mut network, &mut queue)[0].2, "closes for client");
        network.connect(Time(2_000_000_000), Client::Agent(0), &mut queue);
        assert_eq!(drain(&mut network, &mut queue)[0].2, "opens");
    }
}
