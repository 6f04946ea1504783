//! Followers of segments that the test writes as a shim does.

use std::fs::{self, File as SyncFile};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::task::yield_now;

use super::*;

/// How long a reader may take for one line.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a shim leaves.
struct Output {
    directory: TempDir,
    newest: SyncFile,
    end: u64,
    phase: watch::Sender<Phase>,
}

impl Output {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let newest = segment(&directory, 0);
        Self { directory, newest, end: 0, phase: watch::channel(Phase::Running).0 }
    }

    fn write(&mut self, text: &str) {
        self.newest.write_all(text.as_bytes()).unwrap();
        self.end += text.len() as u64;
    }

    fn rotate(&mut self) {
        self.newest = segment(&self.directory, self.end);
    }

    fn remove(&self, start: u64) {
        fs::remove_file(self.directory.path().join(segment_name(LogStream::Stdout, start))).unwrap();
    }

    async fn open(&self, offset: u64, follow: bool) -> Follower {
        let directory = self.directory.path().to_owned();
        Follower::open(directory, LogStream::Stdout, offset, follow, self.phase.subscribe()).await.unwrap()
    }
}

fn segment(directory: &TempDir, start: u64) -> SyncFile {
    SyncFile::create_new(directory.path().join(segment_name(LogStream::Stdout, start))).unwrap()
}

async fn next(follower: &mut Follower) -> (u64, String) {
    let mut buffer = [0; 64];
    let (offset, count) = follower.read(&mut buffer).await.unwrap();
    (offset, String::from_utf8(buffer[..count].to_vec()).unwrap())
}

fn is(offset: u64, text: &str) -> (u64, String) {
    (offset, text.to_owned())
}

#[tokio::test]
async fn without_follow_the_end_is_now() {
    let mut output = Output::new();
    output.write("hello");
    let mut follower = output.open(1, false).await;
    assert_eq!(next(&mut follower).await, is(1, "ello"));
    assert_eq!(next(&mut follower).await, is(5, ""));
}

#[tokio::test]
async fn with_follow_the_end_is_the_containers() {
    let mut output = Output::new();
    let mut follower = output.open(0, true).await;
    for (offset, text) in [(0, "one"), (3, "two")] {
        let (read, ()) = tokio::join!(next(&mut follower), async {
            yield_now().await;
            output.write(text);
        });
        assert_eq!(read, is(offset, text));
    }
    output.write("last");
    output.phase.send(Phase::Over).unwrap();
    assert_eq!(next(&mut follower).await, is(6, "last"));
    assert_eq!(next(&mut follower).await, is(10, ""));
}

#[tokio::test]
async fn a_place_is_found_in_whichever_segment_it_is() {
    let mut output = Output::new();
    for text in ["abc", "defg", "hi"] {
        output.write(text);
        output.rotate();
    }
    for offset in 0..=9 {
        let mut follower = output.open(offset, false).await;
        assert_eq!(follower.offset(), offset);
        let mut all = String::new();
        while all.len() < 9 - offset as usize {
            all += &next(&mut follower).await.1;
        }
        assert_eq!(next(&mut follower).await, is(9, ""));
        assert_eq!(all, "abcdefghi"[offset as usize..]);
    }
}

#[tokio::test]
async fn a_place_that_is_gone_or_not_there_yet_becomes_the_nearest() {
    let mut output = Output::new();
    output.write("abc");
    output.rotate();
    output.write("def");
    output.remove(0);
    let mut follower = output.open(1, false).await;
    assert_eq!(follower.offset(), 3);
    assert_eq!(next(&mut follower).await, is(3, "def"));
    assert_eq!(output.open(u64::MAX, false).await.offset(), 6);
}

/// The writer is a thread of its own, and goes on whatever the reader is just doing: mostly looking for more at an end.
#[tokio::test]
async fn rotation_loses_and_doubles_nothing() {
    const LINES: u32 = 600;
    let mut output = Output::new();
    let mut follower = output.open(0, true).await;
    let read_to = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&read_to);
    let writer = std::thread::spawn(move || {
        for number in 0..LINES {
            let begun = Instant::now();
            // A reader that has lost something never comes that far, and is to say so itself.
            while seen.load(Ordering::Acquire) < output.end && begun.elapsed() < PATIENCE {
                std::hint::spin_loop();
            }
            // A little later each time, so that all that the reader does then is hit.
            (0..number * 20).for_each(|_| std::hint::spin_loop());
            output.write(&format!("{number}\n"));
            output.rotate();
        }
        output.phase.send(Phase::Over).unwrap();
        output
    });
    let mut all = String::new();
    loop {
        let (offset, text) = next(&mut follower).await;
        assert_eq!(offset, all.len() as u64);
        if text.is_empty() {
            break;
        }
        all += &text;
        read_to.store(all.len() as u64, Ordering::Release);
    }
    let _output = writer.join().unwrap();
    assert_eq!(all, (0..LINES).map(|number| format!("{number}\n")).collect::<String>());
}

#[tokio::test]
async fn a_reader_that_is_overtaken_goes_on_with_the_oldest_that_is_left() {
    let mut output = Output::new();
    output.write("abc");
    let mut follower = output.open(0, true).await;
    assert_eq!(next(&mut follower).await, is(0, "abc"));
    // Written after the last read, and removed before the next one: the file is still open.
    output.write("def");
    for text in ["gone", "left"] {
        output.rotate();
        output.write(text);
    }
    output.remove(0);
    output.remove(6);
    assert_eq!(next(&mut follower).await, is(3, "def"));
    assert_eq!(next(&mut follower).await, is(10, "left"));
}

#[tokio::test]
async fn an_agent_that_stops_is_no_end_of_the_output() {
    let output = Output::new();
    let mut follower = output.open(0, true).await;
    drop(output.phase);
    assert!(follower.read(&mut [0; 8]).await.is_err());
}

#[tokio::test]
async fn a_container_that_ends_in_silence_ends_the_wait() {
    let output = Output::new();
    let mut follower = output.open(0, true).await;
    let (read, ()) = tokio::join!(next(&mut follower), async {
        yield_now().await;
        output.phase.send(Phase::Over).unwrap();
    });
    assert_eq!(read, is(0, ""));
}

#[tokio::test]
async fn without_segments_there_is_nothing_to_read() {
    let directory = TempDir::new().unwrap();
    let (_phase, phase) = watch::channel(Phase::Over);
    let opened = Follower::open(directory.path().to_owned(), LogStream::Stderr, 0, true, phase).await;
    assert_eq!(opened.err().map(|error| error.kind()), Some(io::ErrorKind::NotFound));
}
