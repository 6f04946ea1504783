//! A batch that goes on in a new process: its records are saved with the launches and updates that they follow from.

use std::time::Duration;

use meros::{Context, TaskId, TaskState};

use super::{Batch, UNKNOWN_MAX};
use crate::{Record, Status};

impl Batch {
    /// Saves how far it is, so that a new process with the same list, key and state store goes on there: what has ended is not
    /// run again, and what is launched is waited for. Its framework is torn down when all commands have come to their ends.
    #[must_use]
    pub fn resumable(mut self) -> Self {
        self.resumable = true;
        self
    }

    pub(super) fn save(&self, index: usize, cx: &mut Context) {
        if self.resumable {
            cx.save(key(index), serde_json::to_vec(&self.records[index]).expect("a record is plain data"));
        }
    }

    /// Takes up what an earlier process saved. What is saved of another list, by number and name, doesn't count.
    pub(super) fn resume(&mut self, cx: &mut Context) {
        if !self.resumable || std::mem::replace(&mut self.resumed, true) {
            return;
        }
        self.kinds.clear();
        for index in 0..self.items.len() {
            let saved = cx.saved(&key(index)).and_then(|bytes| serde_json::from_slice::<Record>(bytes).ok());
            if let Some(record) = saved.filter(|record| record.name == self.items[index].name) {
                self.records[index] = record;
            }
            self.take_up(index, cx);
        }
        let given_up: Vec<TaskId> = cx.tasks().map(|(id, _)| id.clone()).filter(|id| !self.live.contains_key(id)).collect();
        for task in given_up {
            cx.kill(&task);
        }
    }

    fn take_up(&mut self, index: usize, cx: &mut Context) {
        let record = &mut self.records[index];
        match record.status {
            Status::Done => self.done += 1,
            Status::Failed => self.failed += 1,
            Status::Killed => self.killed += 1,
            Status::Waiting => self.enqueue(index),
            Status::Live => match record.task.clone().filter(|task| cx.task(task).is_some()) {
                Some(task) => self.wait_for(index, task, cx),
                // Its framework was removed, and the task with it.
                None => {
                    record.status = Status::Waiting;
                    self.enqueue(index);
                }
            },
        }
    }

    fn wait_for(&mut self, index: usize, task: TaskId, cx: &mut Context) {
        if let (Some(after), Some(started)) = (self.items[index].kill_after, self.records[index].started) {
            let ran = Duration::from_millis(cx.wall_time().0.saturating_sub(started.0));
            self.kill_timers.insert(cx.after(after.saturating_sub(ran)), task.clone());
        }
        if self.records[index].state == Some(TaskState::Unknown) {
            self.unknown.insert(task.clone(), cx.after(UNKNOWN_MAX));
        }
        self.live.insert(task, index);
    }
}

fn key(index: usize) -> String {
    format!("command/{index}")
}
