//! Measurements of directories that the test fills.

use std::fs::{self, File, hard_link};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use meros_types::ContainerId;
use tempfile::TempDir;

use super::*;

const MIB: u64 = 1 << 20;

struct Sandbox {
    _work_dir: TempDir,
    paths: ContainerPaths,
}

impl Sandbox {
    fn new() -> Self {
        let work_dir = TempDir::new().unwrap();
        let paths = ContainerPaths::new(work_dir.path(), ContainerId::from_bytes([7; 16]));
        fs::create_dir_all(paths.sandbox()).unwrap();
        Self { _work_dir: work_dir, paths }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.paths.sandbox().join(name)
    }

    fn write(&self, name: &str, bytes: u64) {
        fs::write(self.path(name), vec![1; usize::try_from(bytes).unwrap()]).unwrap();
    }

    fn measure_within(&self, limit: u64, piece: usize) -> u64 {
        let mut walk = Walk::begin(&self.paths).unwrap();
        loop {
            if let Some(size) = walk.go_on(piece, limit, || vec![Pid::this()]).unwrap() {
                return size;
            }
        }
    }

    /// How many whole MiB it is; the rest is directories.
    fn mebibytes(&self) -> u64 {
        let size = self.measure_within(u64::MAX, 3);
        assert_eq!(size, self.measure_within(u64::MAX, 100_000), "the pieces make no difference");
        size / MIB
    }
}

#[test]
fn files_count_with_their_space_at_any_depth() {
    let sandbox = Sandbox::new();
    sandbox.write("a", MIB);
    fs::create_dir_all(sandbox.path("x/y/z")).unwrap();
    sandbox.write("x/y/z/b", 2 * MIB);
    sandbox.write("x/c", 3 * MIB);
    assert_eq!(sandbox.mebibytes(), 6);
    // A hole takes no space.
    File::create(sandbox.path("sparse")).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(sandbox.mebibytes(), 6);
}

#[test]
fn a_file_with_several_names_counts_once() {
    let sandbox = Sandbox::new();
    sandbox.write("a", 2 * MIB);
    for name in ["b", "c", "d"] {
        hard_link(sandbox.path("a"), sandbox.path(name)).unwrap();
    }
    assert_eq!(sandbox.mebibytes(), 2);
}

#[test]
fn symlinks_are_not_followed() {
    let sandbox = Sandbox::new();
    let elsewhere = TempDir::new().unwrap();
    fs::write(elsewhere.path().join("large"), vec![1; 4 << 20]).unwrap();
    symlink(elsewhere.path(), sandbox.path("directory")).unwrap();
    symlink(elsewhere.path().join("large"), sandbox.path("file")).unwrap();
    symlink("..", sandbox.path("up")).unwrap();
    symlink("loop", sandbox.path("loop")).unwrap();
    assert_eq!(sandbox.mebibytes(), 0);
}

#[test]
fn many_empty_files_count() {
    let sandbox = Sandbox::new();
    for number in 0..600 {
        fs::write(sandbox.path(&format!("{number}")), "").unwrap();
    }
    assert_eq!(sandbox.mebibytes(), 2);
}

#[test]
fn a_removed_file_counts_as_long_as_it_is_open_or_mapped() {
    let sandbox = Sandbox::new();
    let mut file = File::create(sandbox.path("a")).unwrap();
    file.write_all(&[1; 3 << 20]).unwrap();
    let twice = file.try_clone().unwrap();
    fs::remove_file(sandbox.path("a")).unwrap();
    assert_eq!(sandbox.mebibytes(), 3);
    drop(file);
    assert_eq!(sandbox.mebibytes(), 3);
    drop(twice);
    assert_eq!(sandbox.mebibytes(), 0);
}

#[test]
fn the_measurement_ends_where_the_limit_is_passed() {
    let sandbox = Sandbox::new();
    for number in 0..100 {
        sandbox.write(&format!("{number}"), MIB / 8);
    }
    let size = sandbox.measure_within(2 * MIB, 1_000);
    assert!(size > 2 * MIB && size < 3 * MIB, "{size}");
}

#[test]
fn directories_too_deep_to_be_measured_count_as_too_large() {
    let sandbox = Sandbox::new();
    let deep = |levels: usize| sandbox.path(&vec!["d"; levels].join("/"));
    fs::create_dir_all(deep(DEPTH_MAX - 1)).unwrap();
    assert_eq!(sandbox.mebibytes(), 0);
    fs::create_dir_all(deep(DEPTH_MAX)).unwrap();
    assert_eq!(sandbox.measure_within(MIB * 100, 10), MIB * 100 + 1);
}
