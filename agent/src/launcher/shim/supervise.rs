//! The shim's loop: waits for the kernel, tells the machine, performs what it says. No decision is made here.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::signalfd::SignalFd;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, geteuid};

use meros_agent_core::shim::{Effect, Event, Kill, Shim};
use meros_types::{Now, Time, WallTime};

use super::files::Files;
use super::output::Outputs;
use super::{DESTROY_SIGNAL, TERMINATE_SIGNAL, tree};
use crate::runtime::{Groups, OomEvent};

/// The exit code of a shim that could not leave its record.
const NO_RECORD_CODE: i32 = 2;

/// A running shim.
pub(super) struct Supervisor {
    machine: Shim,
    task: Pid,
    groups: Groups,
    files: Files,
    outputs: Outputs,
    signals: SignalFd,
    oom_event: Option<OomEvent>,
    /// Set by `Quit`.
    exit_code: Option<i32>,
    record_failed: bool,
}

/// What a wait ended with.
#[derive(Default)]
struct Ready {
    signals: bool,
    memory_ran_out: bool,
    outputs: [bool; 2],
}

impl Supervisor {
    /// The shim of a task that was just executed.
    pub(super) fn new(
        task: Pid,
        groups: Groups,
        files: Files,
        outputs: Outputs,
        signals: SignalFd,
        oom_event: Option<OomEvent>,
    ) -> Self {
        let machine = Shim::started(now());
        Self { machine, task, groups, files, outputs, signals, oom_event, exit_code: None, record_failed: false }
    }

    /// Supervises until the container is over. The result is the exit code.
    pub(super) fn run(&mut self) -> i32 {
        loop {
            if let Some(code) = self.exit_code {
                return code;
            }
            let ready = self.wait();
            self.copy_output(&ready);
            let (requests, child_died) = self.collect(&ready);
            self.handle_all(requests);
            // Only now: a request must find the task's process id still its own, be it dead or alive.
            if child_died {
                self.handle_all(vec![tree::reap(self.task)]);
            }
        }
    }

    /// Waits for the kernel or for the machine's next wakeup. An error is an interruption: there is nothing to do then.
    fn wait(&self) -> Ready {
        let mut polled = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        polled.extend(self.oom_event.as_ref().map(OomEvent::poll_fd));
        let first_output = polled.len();
        let mut numbers = [0; 2];
        for (place, (number, pipe)) in self.outputs.pipes().enumerate() {
            numbers[place] = number;
            polled.push(PollFd::new(pipe, PollFlags::POLLIN));
        }
        let timeout = self.machine.wakeup().map(|wakeup| TimeSpec::from_duration(wakeup.since(now().mono)));
        let mut ready = Ready::default();
        if ppoll(&mut polled, timeout, None).is_ok() {
            let is_ready = |place: usize| polled.get(place).is_some_and(|entry| entry.any() == Some(true));
            ready.signals = is_ready(0);
            ready.memory_ran_out = self.oom_event.is_some() && is_ready(1);
            for (place, number) in numbers.into_iter().enumerate() {
                ready.outputs[number] |= is_ready(first_output + place);
            }
        }
        ready
    }

    fn copy_output(&mut self, ready: &Ready) {
        for number in 0..ready.outputs.len() {
            if ready.outputs[number] {
                self.outputs.copy(number);
            }
        }
    }

    /// What happened, and whether a child died.
    fn collect(&self, ready: &Ready) -> (Vec<Event>, bool) {
        let mut events = Vec::new();
        let mut child_died = false;
        if ready.memory_ran_out {
            self.oom_event.iter().for_each(OomEvent::clear);
            events.push(Event::MemoryRanOut);
        }
        if ready.signals {
            child_died = self.collect_signals(&mut events);
        }
        if self.machine.wakeup().is_some() {
            events.push(Event::TimePassed);
        }
        (events, child_died)
    }

    fn collect_signals(&self, events: &mut Vec<Event>) -> bool {
        let mut child_died = false;
        while let Ok(Some(signal)) = self.signals.read_signal() {
            match Signal::try_from(signal.ssi_signo.cast_signed()) {
                Ok(TERMINATE_SIGNAL) => events.push(Event::KillRequested(Kill::Terminate)),
                Ok(DESTROY_SIGNAL) => events.push(Event::KillRequested(Kill::Destroy)),
                _ => child_died = true,
            }
        }
        child_died
    }

    /// Handles events and performs their effects, whose answers are events again.
    fn handle_all(&mut self, mut events: Vec<Event>) {
        let mut effects = Vec::new();
        while !events.is_empty() {
            for event in events.drain(..) {
                self.machine.handle(now(), event, &mut effects);
            }
            for effect in effects.drain(..) {
                events.extend(self.perform(&effect));
            }
        }
    }

    fn perform(&mut self, effect: &Effect) -> Option<Event> {
        match effect {
            Effect::TerminateTask => self.terminate_task(),
            Effect::KillTree => self.kill_tree(),
            Effect::CountOomKills => return Some(Event::OomKillsCounted(self.groups.oom_kills())),
            Effect::DrainOutput => self.outputs.drain(),
            Effect::Measure => return Some(Event::Measured(self.groups.usage())),
            Effect::LeaveRecord(record) => self.record_failed = self.files.leave_exit(record).is_err(),
            Effect::Quit => self.exit_code = Some(if self.record_failed { NO_RECORD_CODE } else { 0 }),
        }
        None
    }

    fn terminate_task(&self) {
        // A member that was stopped would not see SIGTERM before it continues. Both fail only for an empty group.
        let _ = killpg(self.task, Signal::SIGTERM);
        let _ = killpg(self.task, Signal::SIGCONT);
    }

    fn kill_tree(&self) {
        let killed = self.groups.kill().unwrap_or(false);
        // No groups here, or they failed; or the task has the agent's own user, which may move it to other groups. Then the tree is
        // found through its parents. The machine asks again until it is empty.
        if !killed || !geteuid().is_root() {
            tree::kill_descendants();
        }
    }
}

/// The present. Both clocks always exist.
fn now() -> Now {
    let read = |clock| clock_gettime(clock).unwrap_or_else(|_: Errno| TimeSpec::new(0, 0));
    let boot = read(ClockId::CLOCK_BOOTTIME);
    let wall = read(ClockId::CLOCK_REALTIME);
    let mono = Time(boot.tv_sec().unsigned_abs() * 1_000_000_000 + boot.tv_nsec().unsigned_abs());
    Now { mono, wall: WallTime(wall.tv_sec().unsigned_abs() * 1_000 + wall.tv_nsec().unsigned_abs() / 1_000_000) }
}
