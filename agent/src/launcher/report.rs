//! What a shim tells its agent: one message of fixed size through a pipe of the container's own, when its task has started or
//! could not. The pipe closes when the shim ends, and that is the whole protocol: no message can be lost, overtaken, or kept back
//! by another container's. Deliberately absent: how the task ended, which is in `state/exit`.

use std::fmt;

use nix::errno::Errno;

use super::sys::NonZeroCode;

/// The bytes of a message.
pub(crate) const REPORT_BYTES: usize = 8;

/// What became of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// The task's program was executed.
    Started,
    /// Something on the way failed; no process of the container is left but the shim, which ends.
    Failed(Failure),
}

/// A step that failed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Which.
    pub(crate) step: Step,
    /// The kernel's reason.
    pub(crate) errno: i32,
}

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A step between the agent's request and the execution of the task's program.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Step { $($(#[$doc])* $name,)* }

        impl Step {
            /// All of them, in the order of their numbers.
            const ALL: &[Step] = &[$(Step::$name,)*];
        }

        impl fmt::Display for Step {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Step::$name => $text,)* })
            }
        }
    };
}

steps! {
    /// The launcher could not read the request.
    Request = "reading the request",
    /// The launcher's fork of the shim.
    Fork = "forking its shim",
    /// The shim's session, signals and standard descriptors.
    Supervisor = "setting up its shim",
    /// The lock on `state/lock`.
    Lock = "locking state/lock",
    /// Writing `state/record` and keeping space for `state/exit`.
    Record = "writing state/record",
    /// The output pipes and their files.
    Output = "opening its output",
    /// Listening for the kernel's out-of-memory killer.
    OutOfMemoryEvent = "listening for lack of memory",
    /// Entering the sandbox.
    Sandbox = "entering its sandbox",
    /// The clone of the task's process.
    Clone = "making its process",
    /// Joining a cgroup.
    Join = "joining its cgroups",
    /// Signals, mask, descriptors and limits of the task's process.
    Hygiene = "cleaning its process",
    /// Giving up root.
    User = "changing to its user",
    /// Tying the task's life to its shim's.
    ParentDeath = "tying its process to its shim",
    /// Executing the program.
    Execute = "executing its program",
}

impl Step {
    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// This step failed for that reason.
    pub(super) fn failed(self, errno: Errno) -> Failure {
        Failure { step: self, errno: errno as i32 }
    }
}

impl Failure {
    /// As the one number that a child can leave for its parent.
    pub(super) fn code(self) -> NonZeroCode {
        let number = (u64::from(self.step as u8) << 32) | u64::from(self.errno.unsigned_abs());
        // An errno is never zero; if one were, the step would say enough.
        NonZeroCode::new(number | MARK).unwrap_or_else(|| unreachable!("the mark is set"))
    }

    /// Undoes [`Failure::code`].
    pub(super) fn from_code(code: NonZeroCode) -> Self {
        let bytes = code.get().to_le_bytes();
        let errno = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Self { step: Step::from_number(bytes[4]).unwrap_or(Step::Clone), errno }
    }
}

/// Makes every code differ from zero.
const MARK: u64 = 1 << 63;

impl Report {
    /// The message.
    pub(crate) fn encode(self) -> [u8; REPORT_BYTES] {
        match self {
            Report::Started => [0; REPORT_BYTES],
            Report::Failed(failure) => failure.code().get().to_le_bytes(),
        }
    }

    /// Undoes [`Report::encode`].
    pub(crate) fn decode(bytes: [u8; REPORT_BYTES]) -> Self {
        match NonZeroCode::new(u64::from_le_bytes(bytes)) {
            None => Report::Started,
            Some(code) => Report::Failed(Failure::from_code(code)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_read_as_written() {
        assert_eq!(Report::decode(Report::Started.encode()), Report::Started);
        for step in Step::ALL {
            for errno in [Errno::ENOENT, Errno::EPERM, Errno::EHWPOISON] {
                let report = Report::Failed(step.failed(errno));
                assert_eq!(Report::decode(report.encode()), report);
            }
        }
    }
}
