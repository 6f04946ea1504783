//! The SDK over a real connection, with a master that does the least that a master can do.
//! What a session decides is tested in `meros-session`; here is only what the shell adds.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test says by a panic that it failed, and by its name what it shows")]

mod file_store;
mod master;
mod state;

use meros::{Command, Context, Error, Framework, Offer, Resources, Scheduler, SessionError, TaskSpec, TaskState, TaskUpdate};

use master::{Answer, Master};

/// Launches one task and stops when it has ended.
#[derive(Debug, Default)]
struct One {
    states: Vec<TaskState>,
    stays: bool,
}

impl Scheduler for One {
    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        let task = TaskSpec::new(cx.new_task_id(), Command::shell("true"), Resources::none().with_cpu_milli(1_000));
        offers[0].launch(task).unwrap();
    }

    fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
        self.states.push(update.state);
        if update.state.is_terminal() && !self.stays {
            cx.stop();
        }
    }
}

const STATES: [TaskState; 2] = [TaskState::Running, TaskState::Finished];

#[tokio::test]
async fn a_scheduler_runs_to_its_end() {
    let master = Master::start(Answer::Serve).await;
    assert_eq!(master.framework().run(One::default()).await.unwrap().states, STATES);
    assert_eq!(master.said().await, ["SUBSCRIBE", "DEMAND", "ACCEPT", "ACKNOWLEDGE", "ACKNOWLEDGE", "TEARDOWN"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_reaches_the_scheduler() {
    let master = Master::start(Answer::Serve).await;
    let (handle, running) = master.framework().spawn(One { stays: true, ..One::default() }).unwrap();
    while handle.call(|one, _| one.states.len()).await.unwrap() < STATES.len() {
        tokio::task::yield_now().await;
    }
    handle.clone().call(|_, cx| cx.stop()).await.unwrap();
    assert_eq!(running.await.unwrap().states, STATES);
    assert!(matches!(handle.call(|_, _| ()).await, Err(Error::Over)));
}

#[tokio::test]
async fn a_broken_connection_is_made_again() {
    let master = Master::start(Answer::HangUpOnce).await;
    assert_eq!(master.framework().run(One::default()).await.unwrap().states, STATES);
    assert_eq!(master.said().await[..3], ["SUBSCRIBE", "SUBSCRIBE", "DEMAND"]);
}

#[tokio::test]
async fn a_master_that_comes_up_later_is_found() {
    let (address, listener) = master::bind().await;
    drop(listener);
    let token = master::token_file("secret");
    let framework = Framework::new("one").master(address.to_string()).token_file(token.path());
    let (handle, running) = framework.spawn(One::default()).unwrap();
    // The scheduler answers although there is no master.
    assert!(handle.call(|_, cx| cx.session().is_none()).await.unwrap());
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let _master = Master::serve(listener, Answer::Serve);
    assert_eq!(running.await.unwrap().states, STATES);
}

#[tokio::test]
async fn a_wrong_token_is_a_clear_end() {
    let master = Master::start(Answer::Serve).await;
    let token = master::token_file("wrong");
    let error = master.framework().token_file(token.path()).run(One::default()).await.unwrap_err();
    assert!(matches!(error, Error::Session(SessionError::Refused(_))));
    assert!(error.to_string().contains("the token is wrong (the master at 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn an_unreadable_token_file_is_told_before_anything_else() {
    let error = Framework::new("one").token_file("/nowhere/token").run(One::default()).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/token"), "{error}");
}

#[tokio::test]
async fn what_is_no_master_is_left() {
    let master = Master::start(Answer::Unimplemented).await;
    let error = master.framework().run(One::default()).await.unwrap_err();
    assert!(error.to_string().contains("is no Meros master"), "{error}");
}

/// Panics in its first callback.
struct Panics;

impl Scheduler for Panics {
    fn offers(&mut self, _: &mut [Offer], _: &mut Context) {
        panic!("this panic belongs to a test");
    }
    fn update(&mut self, _: &TaskUpdate, _: &mut Context) {}
}

#[tokio::test]
async fn a_panic_is_the_end_and_no_hang() {
    let master = Master::start(Answer::Serve).await;
    assert!(matches!(master.framework().run(Panics).await, Err(Error::Panicked)));
}

#[test]
fn without_a_runtime_there_is_an_error() {
    assert!(matches!(Framework::new("one").spawn(One::default()), Err(Error::NoRuntime)));
}

#[tokio::test]
async fn wrong_words_are_told_at_once() {
    assert!(matches!(Framework::new("one").role("a b").spawn(One::default()), Err(Error::Role(_))));
    assert!(matches!(Framework::new("one").master("https://x").spawn(One::default()), Err(Error::Address { .. })));
}
