//! Logs without tasks: a pipe, a directory, and a disk that can be made full.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;
use tempfile::TempDir;

use super::*;
use crate::runtime::segment_start;

const LIMITS: LogLimits = LogLimits { bytes: 4_096, files: 3 };

struct Bench {
    directory: TempDir,
    log: Log,
    reading: OwnedFd,
    writing: OwnedFd,
}

fn bench() -> Bench {
    let directory = TempDir::new().unwrap();
    let logs = OwnedFd::from(File::open(directory.path()).unwrap());
    let log = Log::create(Rc::new(logs), LogStream::Stdout, LIMITS).unwrap();
    let (reading, writing) = pipe2(OFlag::O_CLOEXEC).unwrap();
    fcntl(&reading, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    Bench { directory, log, reading, writing }
}

impl Bench {
    /// The task writes, and the shim takes all of it.
    fn put(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(10_000) {
            assert_eq!(write(&self.writing, part).unwrap(), part.len());
            loop {
                match self.log.take(&self.reading) {
                    Ok(taken) => assert!(taken > 0),
                    Err(errno) => break assert_eq!(errno, Errno::EAGAIN),
                }
            }
        }
    }

    /// Each segment's place and content.
    fn segments(&self) -> Vec<(u64, Vec<u8>)> {
        let entries = fs::read_dir(self.directory.path()).unwrap().flatten();
        let mut found: Vec<_> = entries
            .filter_map(|entry| {
                Some((segment_start(LogStream::Stdout, entry.file_name().to_str()?)?, fs::read(entry.path()).unwrap()))
            })
            .collect();
        found.sort();
        found
    }

    fn newest_by_link(&self) -> String {
        fs::read_link(self.directory.path().join("stdout")).unwrap().to_str().unwrap().to_owned()
    }

    /// From now on writing fails, as on a full disk. The result undoes that.
    fn fill_disk(&mut self) -> OwnedFd {
        let full = File::options().write(true).open(Path::new("/dev/full")).unwrap();
        std::mem::replace(&mut self.log.newest, full.into())
    }
}

fn numbers(count: u64) -> Vec<u8> {
    (0..count).flat_map(|number| format!("{number:07}\n").into_bytes()).collect()
}

#[test]
fn segments_follow_each_other_without_a_gap_and_stay_within_the_limit() {
    for moves in [true, false] {
        let mut bench = bench();
        bench.log.moves = moves;
        let all = numbers(5_000);
        for part in all.chunks(777) {
            bench.put(part);
            let segments = bench.segments();
            assert!(segments.len() <= 3 && segments.iter().all(|(_, bytes)| bytes.len() <= 4_096));
        }
        let segments = bench.segments();
        assert_eq!(segments.iter().map(|(start, _)| *start).collect::<Vec<_>>(), [28_672, 32_768, 36_864]);
        for (start, bytes) in &segments {
            assert_eq!(&all[*start as usize..][..bytes.len()], bytes);
        }
        assert_eq!(segments[2].1.len(), 40_000 - 36_864);
        assert_eq!(bench.newest_by_link(), "stdout.00000000000000036864");
        assert_eq!(bench.log.moves, moves, "this file system takes what comes from a pipe");
    }
}

#[test]
fn a_closed_pipe_is_its_end() {
    let mut bench = bench();
    bench.put(b"last");
    let (_, other) = pipe2(OFlag::O_CLOEXEC).unwrap();
    drop(std::mem::replace(&mut bench.writing, other));
    assert_eq!(bench.log.take(&bench.reading), Ok(0));
    assert_eq!(bench.segments(), [(0, b"last".to_vec())]);
}

#[test]
fn what_a_full_disk_does_not_take_is_counted_and_told_when_there_is_room() {
    let mut bench = bench();
    bench.put(b"before");
    let disk = bench.fill_disk();
    bench.put(&[b'x'; 30_000]);
    assert_eq!(bench.log.lost, 30_000);
    bench.log.newest = disk;
    bench.log.try_at_once();
    bench.put(b"after");
    let text = String::from_utf8(bench.segments().remove(0).1).unwrap();
    assert_eq!(text, "before\n[meros: 30000 bytes of output were lost here: the disk was full]\nafter");
    assert_eq!(bench.log.lost, 0);
}

#[test]
fn a_full_disk_is_left_alone_for_a_while() {
    let mut bench = bench();
    let disk = bench.fill_disk();
    bench.put(b"lost");
    bench.log.newest = disk;
    assert!(bench.log.again.is_some());
    bench.log.again = Some(Duration::MAX);
    bench.put(b"lost too");
    assert_eq!(bench.log.lost, 12);
    // The end comes once, so it is tried whatever was before.
    bench.log.finish();
    let segments = bench.segments();
    assert!(String::from_utf8_lossy(&segments[0].1).contains("12 bytes"), "{segments:?}");
}

#[test]
fn the_line_about_a_loss_never_stands_in_two_segments() {
    let mut bench = bench();
    bench.put(&[b'x'; 4_090]);
    bench.log.lost = 5;
    bench.put(b"after");
    let segments = bench.segments();
    assert_eq!((segments.len(), segments[1].0), (2, 4_090));
    assert!(segments[1].1.starts_with(b"\n[meros: 5 bytes") && segments[1].1.ends_with(b"]\nafter"));
}

#[test]
fn a_link_that_was_left_half_made_is_in_nobodys_way() {
    let mut bench = bench();
    symlinkat("nowhere", bench.log.directory.as_fd(), "stdout.next").unwrap();
    bench.put(&[b'x'; 5_000]);
    assert_eq!(bench.newest_by_link(), "stdout.00000000000000004096");
}

#[test]
fn the_line_about_a_loss_fits_where_room_is_kept_for_it() {
    let mut bench = bench();
    bench.log.lost = u64::MAX;
    bench.log.tell_loss().unwrap();
    assert!(bench.log.length <= LOSS_LINE_BYTES_MAX);
}
