//! What an agent asks of its launcher: one message per container, with the writing end of the container's report pipe.
//!
//! Both ends are the same program, so the form has no version. Strings end in NUL, so that the shim can pass them to exec from
//! where they arrived. Deliberately absent: judging the command, which the agent did before.

use std::ffi::CStr;

use meros_types::ContainerId;

use crate::runtime::{Controller, LogLimits};

/// The most that a request takes. The kernel passes on a message of this size whole, whatever its settings; a task with more to
/// say reads a file.
pub const REQUEST_BYTES_MAX: usize = 128 * 1024;

/// A container to start, its directory and cgroups already made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request<'text> {
    /// Which.
    pub(crate) container: ContainerId,
    /// The user to become, if any.
    pub(crate) uid: Option<u32>,
    /// Whether the memory limit is so low that the kernel may kill before the exec.
    pub(crate) tight_memory: bool,
    /// How much of its output is kept.
    pub(crate) log: LogLimits,
    /// The container's directory.
    pub(crate) directory: &'text CStr,
    /// The cgroups to join, in this order.
    pub(crate) groups: Vec<(Controller, &'text CStr)>,
    /// The files to try to execute, in this order.
    pub(crate) programs: Vec<&'text CStr>,
    /// The arguments, the program's name first.
    pub(crate) arguments: Vec<&'text CStr>,
    /// The whole environment.
    pub(crate) environment: Vec<&'text CStr>,
}

impl<'text> Request<'text> {
    /// The message.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend(self.container.as_bytes());
        // No task's user is the highest number: to the kernel it means "none" too.
        put_number(&mut bytes, self.uid.unwrap_or(u32::MAX));
        put_number(&mut bytes, u32::from(self.tight_memory));
        bytes.extend(self.log.bytes.to_le_bytes());
        put_number(&mut bytes, self.log.files);
        put_text(&mut bytes, self.directory);
        put_count(&mut bytes, self.groups.len());
        for (controller, path) in &self.groups {
            bytes.push(*controller as u8);
            put_text(&mut bytes, path);
        }
        for texts in [&self.programs, &self.arguments, &self.environment] {
            put_count(&mut bytes, texts.len());
            texts.iter().for_each(|text| put_text(&mut bytes, text));
        }
        bytes
    }

    /// Undoes [`Request::encode`]. None when it is no request: then the agent is no Meros agent.
    pub(crate) fn decode(bytes: &'text [u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let request = Self {
            container: ContainerId::from_bytes(input.take::<16>()?),
            uid: input.number().map(|uid| (uid != u32::MAX).then_some(uid))?,
            tight_memory: input.number()? != 0,
            log: LogLimits { bytes: input.take::<8>().map(u64::from_le_bytes)?, files: input.number()? },
            directory: input.text()?,
            groups: input.list(|input| Some((Controller::from_number(input.take::<1>()?[0])?, input.text()?)))?,
            programs: input.list(Input::text)?,
            arguments: input.list(Input::text)?,
            environment: input.list(Input::text)?,
        };
        input.0.is_empty().then_some(request)
    }
}

fn put_number(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend(number.to_le_bytes());
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    // A count beyond 2^32 would be a message far beyond its limit, which the agent refuses to send.
    put_number(bytes, u32::try_from(count).unwrap_or(u32::MAX));
}

fn put_text(bytes: &mut Vec<u8>, text: &CStr) {
    bytes.extend(text.to_bytes_with_nul());
}

/// What is left to read.
struct Input<'text>(&'text [u8]);

impl<'text> Input<'text> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take::<4>().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'text CStr> {
        let text = CStr::from_bytes_until_nul(self.0).ok()?;
        self.0 = &self.0[text.to_bytes_with_nul().len()..];
        Some(text)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| item(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request<'static> {
        Request {
            container: ContainerId::from_bytes([9; 16]),
            uid: Some(100_000),
            tight_memory: true,
            log: LogLimits { bytes: 1 << 40, files: 7 },
            directory: c"/var/lib/meros/containers/x",
            groups: vec![(Controller::Freezer, c"/sys/fs/cgroup/freezer/x"), (Controller::Memory, c"/m")],
            programs: vec![c"/bin/a", c"/usr/bin/a"],
            arguments: vec![c"a", c"", c"b c"],
            environment: vec![c"A=1"],
        }
    }

    #[test]
    fn a_request_reads_as_written() {
        let request = request();
        assert_eq!(Request::decode(&request.encode()), Some(request));
        let bare =
            Request { uid: None, tight_memory: false, groups: Vec::new(), environment: Vec::new(), ..super::tests::request() };
        assert_eq!(Request::decode(&bare.encode()), Some(bare));
    }

    #[test]
    fn a_cut_or_prolonged_request_is_none() {
        let bytes = request().encode();
        for length in 0..bytes.len() {
            assert_eq!(Request::decode(&bytes[..length]), None, "the first {length} bytes");
        }
        assert_eq!(Request::decode(&[bytes.as_slice(), &[0]].concat()), None);
    }
}
