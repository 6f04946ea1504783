//! A whole scheduler: runs each of its arguments as a command somewhere in the cluster, and says how it ended.
//! `MEROS_MASTER=host:5050 cargo run -p meros-hello -- 'echo one' 'sleep 1; false'`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use meros::{Command, Context, Demand, Framework, Offer, Resources, Role, Scheduler, TaskSpec, TaskUpdate};

struct Hello {
    waiting: Vec<String>,
    each: Resources,
}

impl Scheduler for Hello {
    fn demand(&self, _: &Role) -> Demand {
        Demand::of(self.each.clone(), self.waiting.len() as u64)
    }

    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        for offer in offers {
            while offer.fits(&self.each)
                && let Some(line) = self.waiting.pop()
            {
                let task = TaskSpec::new(cx.new_task_id(), Command::shell(&line), self.each.clone());
                println!("{} on {}: {line}", task.id, offer.hostname());
                offer.launch(task).expect("it fits, and an argument of ours can be one of sh");
            }
        }
    }

    fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
        println!("{} {}: {}", update.task, update.state, update.message);
        if self.waiting.is_empty() && cx.task_count() == 0 {
            cx.stop();
        }
    }
}

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing_subscriber::filter::LevelFilter::WARN).init();
    let mut waiting: Vec<String> = std::env::args().skip(1).filter(|line| !line.trim().is_empty()).collect();
    if waiting.is_empty() {
        waiting = vec!["echo hello".to_owned(), "uname -a".to_owned()];
    }
    let each = Resources::none().with_cpu_milli(100).with_memory_bytes(32 << 20);
    if let Err(error) = Framework::new("hello").run(Hello { waiting, each }).await {
        eprintln!("meros-hello: {error}");
        std::process::exit(1);
    }
}
