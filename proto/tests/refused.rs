//! What is refused on the wire: by which path, in which words, and what still applies beside it.

use std::fmt::Debug;

use meros_proto::{
    ACCEPT_TASKS_MAX, CALL_OFFERS_MAX, COMMAND_BYTES_MAX, KillTask, LOG_CHUNK_BYTES_MAX, PORT_RANGES_MAX, RECONCILE_TASKS_MAX,
    ROLES_MAX, SENTENCE_BYTES_MAX, WireError, v1,
};
use meros_types::{
    AMOUNT_MAX, CALLS_MAX, CUSTOM_SCALARS_MAX, Call, Command, FILTER_DEFAULT, FromAgent, FromFramework, Operation, Program,
    Resources, SHAPES_MAX, TaskId, TaskSpec, ToAgent, ToFramework,
};
use v1::call::Call as Wire;

fn task() -> v1::TaskSpec {
    TaskSpec::new(TaskId::new("t").expect("a task id"), Command::shell("true"), Resources::none()).into()
}

fn launch(tasks: Vec<v1::TaskSpec>) -> v1::Operation {
    v1::Operation { operation: Some(v1::operation::Operation::Launch(v1::Launch { tasks })) }
}

fn accept(operations: Vec<v1::Operation>) -> Wire {
    let group = v1::AcceptGroup { leases: vec![1], operations };
    Wire::Accept(v1::Accept { groups: vec![v1::AcceptGroup::default(), group], all_or_nothing: false, filter: None })
}

fn accept_of(task: v1::TaskSpec) -> Wire {
    accept(vec![launch(vec![self::task(), task])])
}

fn read(call: Wire) -> Call {
    v1::Call { call: Some(call) }.into()
}

/// The call is refused under this name, and the reason is this one.
fn check_refused(call: Wire, name: &str, reason: &str) {
    match read(call) {
        Call::Refused(refused) => assert_eq!((refused.call.as_str(), refused.reason.as_str()), (name, reason)),
        other => panic!("{reason}: not refused: {other:?}"),
    }
}

/// The task is refused at this field of it.
fn check_task(change: impl FnOnce(&mut v1::TaskSpec), field_and_reason: &str) {
    let mut changed = task();
    change(&mut changed);
    let reason = format!("accept.groups[1].operations[0].launch.tasks[1].{field_and_reason}");
    check_refused(accept_of(changed), "ACCEPT", &reason);
}

fn check_resources(change: impl FnOnce(&mut v1::Resources), field_and_reason: &str) {
    let mut changed = v1::Resources::default();
    change(&mut changed);
    check_error(Resources::try_from(changed), field_and_reason);
}

fn check_error<D: Debug>(read: Result<D, WireError>, field_and_reason: &str) {
    assert_eq!(read.expect_err(field_and_reason).to_string(), field_and_reason);
}

#[test]
fn a_call_that_cannot_be_read_leaves_the_others_of_its_batch() {
    let calls = [Wire::Heartbeat(v1::Heartbeat {}), accept_of(v1::TaskSpec::default()), Wire::Teardown(v1::Teardown {})];
    let calls = calls.into_iter().map(|call| v1::Call { call: Some(call) }).collect();
    let message = FromFramework::try_from(v1::FrameworkRequest { session: None, calls }).unwrap();
    assert_eq!(message.calls.len(), 3);
    assert_eq!((&message.calls[0], &message.calls[2]), (&Call::Heartbeat, &Call::Teardown));
    let Call::Refused(refused) = &message.calls[1] else { panic!("{:?}", message.calls[1]) };
    assert_eq!(refused.call, "ACCEPT");
    assert_eq!(refused.reason, r#"accept.groups[1].operations[0].launch.tasks[1].id: "" is not a task id: it is empty"#);
}

#[test]
fn a_call_of_a_later_protocol_is_refused_alone() {
    let Call::Refused(refused) = Call::from(v1::Call { call: None }) else { panic!("not refused") };
    assert_eq!((refused.call.as_str(), refused.reason.as_str()), ("UNKNOWN", "call: it is missing, or one that is not known here"));
}

#[test]
fn operations_that_are_not_built_pass_by_their_name() {
    use v1::operation::Operation as Op;
    for (operation, name) in [
        (Op::LaunchGroup(v1::LaunchGroup { executor: Some(v1::Executor::default()), tasks: vec![task()] }), "LAUNCH_GROUP"),
        (Op::Reserve(v1::Reserve::default()), "RESERVE"),
        (Op::Unreserve(v1::Unreserve::default()), "UNRESERVE"),
        (Op::Create(v1::CreateVolumes::default()), "CREATE"),
        (Op::Destroy(v1::DestroyVolumes::default()), "DESTROY"),
        (Op::Other("GROW_VOLUME".into()), "GROW_VOLUME"),
    ] {
        let Call::Accept(read) = read(accept(vec![v1::Operation { operation: Some(operation) }])) else { panic!("{name}") };
        assert_eq!(read.groups[1].operations, [Operation::Unimplemented(name.to_owned())]);
    }
    let reason = "accept.groups[1].operations[0].operation: it is missing, or one that is not known here";
    check_refused(accept(vec![v1::Operation { operation: None }]), "ACCEPT", reason);
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    check_refused(Wire::Message(v1::Message::default()), "MESSAGE", "message: messages are not implemented yet");
    check_task(|task| task.executor = Some(v1::Executor::default()), "executor: executors are not implemented yet");
    let user = |task: &mut v1::TaskSpec| task.command.as_mut().unwrap().user = Some("root".into());
    check_task(user, "command.user: named users are not implemented yet");
    let event = Some(v1::framework_response::Event::Message(v1::Message::default()));
    let response = v1::FrameworkResponse { session: Some(v1::SessionId::default()), event };
    check_error(ToFramework::try_from(response), "message: messages are not implemented yet");
}

#[test]
fn resources_that_are_not_plain_are_refused() {
    let part = v1::ReservedResources { cpu_milli: 1, ..v1::ReservedResources::default() };
    check_resources(|all| all.reserved = vec![part.clone()], "reserved: reserved resources are not implemented yet");
    let revocable = v1::ReservedResources { revocable: true, ..part.clone() };
    check_resources(|all| all.reserved = vec![revocable], "reserved: revocable resources are not implemented yet");
    let volume = v1::ReservedResources { volume: Some(v1::Volume::default()), ..part.clone() };
    check_resources(|all| all.reserved = vec![volume], "reserved: volumes are not implemented yet");
    check_task(
        |task| task.resources.as_mut().unwrap().reserved = vec![part],
        "resources.reserved: reserved resources are not implemented yet",
    );
}

#[test]
fn quantities_have_bounds() {
    let range = |first, last| vec![v1::PortRange { first: 1, last: 2 }, v1::PortRange { first, last }];
    check_resources(|all| all.ports = range(9, 8), "ports[1].last: 8 is below the first, 9");
    check_resources(|all| all.ports = range(0, 65_536), "ports[1].last: 65536 is above 65535");
    check_resources(|all| all.ports = range(u32::MAX, 1), "ports[1].first: 4294967295 is above 65535");
    let ranges = vec![v1::PortRange::default(); PORT_RANGES_MAX + 1];
    check_resources(|all| all.ports = ranges, "ports: 32769 of them, at most 32768");

    let scalar = |name: &str| v1::CustomScalar { name: name.into(), amount_milli: 1 };
    check_resources(|all| all.custom = vec![scalar("a"), scalar("a")], "custom[1].name: it is given twice");
    let many = (0..=CUSTOM_SCALARS_MAX).map(|n| scalar(&format!("s{n}"))).collect();
    check_resources(|all| all.custom = many, "custom: 33 of them, at most 32");
    let own = r#"custom[0].name: "cpus": this name has a meaning of its own and can't be a user's scalar"#;
    check_resources(|all| all.custom = vec![scalar("cpus")], own);
}

#[test]
fn a_command_has_bounds() {
    use v1::command::Program as P;
    let program = |program: Option<P>| move |task: &mut v1::TaskSpec| task.command.as_mut().unwrap().program = program;
    let words = |words: &[&str]| Some(P::Words(v1::Words { words: words.iter().map(|word| (*word).to_owned()).collect() }));
    check_task(program(None), "command.program: it is missing");
    check_task(program(words(&[])), "command.words: there is no program");
    check_task(program(words(&["a", "b\0"])), "command.words: it has a NUL byte, which no program can be given");
    check_task(program(Some(P::Shell("\0".into()))), "command.shell: it has a NUL byte, which no program can be given");
    let variable = |name: &str, value: &str| {
        let pair = (name.to_owned(), value.to_owned());
        move |task: &mut v1::TaskSpec| task.command.as_mut().unwrap().environment.extend([pair])
    };
    check_task(variable("", "x"), "command.environment: a name is empty or has a =");
    check_task(variable("a=b", "x"), "command.environment: a name is empty or has a =");
    check_task(variable("a", "\0"), "command.environment: it has a NUL byte, which no program can be given");

    // The longest string that Linux takes: with its NUL byte it is exactly at the limit.
    let longest = Command::shell("x".repeat(COMMAND_BYTES_MAX - 1));
    assert_eq!(Command::try_from(v1::Command::from(longest.clone())), Ok(longest.clone()));
    let Program::Shell(line) = longest.program else { panic!("a shell line") };
    let too_long = program(Some(P::Shell(line + "x")));
    check_task(too_long, "command: 131073 bytes of program and environment, at most 131072");
}

#[test]
fn a_task_has_a_name_and_an_id_that_can_be_shown() {
    check_task(
        |task| task.id = "a b".into(),
        r#"id: "a b" is not a task id: it has a character that is a space, a slash, or not printable ASCII"#,
    );
    check_task(|task| task.name = "\u{1b}[2J".into(), "name: it has a control character");
    check_task(|task| task.name = "x".repeat(257), "name: 257 bytes, at most 256");
    check_task(|task| task.resources = None, "resources: it is missing");
    check_task(
        |task| task.kill_grace = Some(v1::Duration { seconds: 1, nanos: 1_000_000_000 }),
        "kill_grace.nanos: 1000000000 is a second or more",
    );
}

#[test]
fn an_error_repeats_little_of_what_was_sent() {
    let Call::Refused(refused) = read(Wire::Kill(v1::Kill { task: "é ".repeat(1 << 20), grace: None })) else {
        panic!("not refused")
    };
    assert!(refused.reason.len() < 256, "{} bytes", refused.reason.len());
    assert!(refused.reason.starts_with("kill.task: \"é é"), "{}", refused.reason);
    assert!(refused.reason.ends_with("is not a task id: it is longer than 128 bytes"), "{}", refused.reason);
}

#[test]
fn calls_have_bounds() {
    let offers = vec![1; CALL_OFFERS_MAX + 1];
    check_refused(Wire::Decline(v1::Decline { offers, filter: None }), "DECLINE", "decline.offers: 65537 of them, at most 65536");
    let query = |task: &str| v1::TaskQuery { task: task.to_owned(), agent: None };
    let tasks = vec![query("t"); RECONCILE_TASKS_MAX + 1];
    check_refused(Wire::Reconcile(v1::Reconcile { tasks }), "RECONCILE", "reconcile.tasks: 65537 of them, at most 65536");
    let bad = Wire::Reconcile(v1::Reconcile { tasks: vec![query("t"), query("/")] });
    let reason =
        r#"reconcile.tasks[1].task: "/" is not a task id: it has a character that is a space, a slash, or not printable ASCII"#;
    check_refused(bad, "RECONCILE", reason);
    let tasks = |count| launch(vec![v1::TaskSpec::default(); count]);
    let split = vec![tasks(ACCEPT_TASKS_MAX), tasks(1)];
    check_refused(accept(split), "ACCEPT", "accept.groups.operations.launch.tasks: 16385 of them, at most 16384");
    let group = v1::AcceptGroup { leases: vec![1; CALL_OFFERS_MAX / 2 + 1], operations: Vec::new() };
    let groups = Wire::Accept(v1::Accept { groups: vec![group.clone(), group], ..v1::Accept::default() });
    check_refused(groups, "ACCEPT", "accept.groups.leases: 65538 of them, at most 65536");
    let shapes = vec![v1::Shape::default(); SHAPES_MAX + 1];
    let demand = Wire::Demand(v1::Demand { role: "*".into(), version: 1, shapes });
    check_refused(demand, "DEMAND", "demand.shapes: 65 of them, at most 64");
    let calls = vec![v1::Call::default(); CALLS_MAX + 1];
    check_error(FromFramework::try_from(v1::FrameworkRequest { session: None, calls }), "calls: 1025 of them, at most 1024");
}

#[test]
fn a_subscription_says_who_and_how() {
    let good = v1::Subscribe {
        roles: vec!["*".into()],
        mode: Some(v1::subscribe::Mode::Takeover(v1::Takeover {})),
        failover_timeout: Some(v1::Duration::default()),
        ..v1::Subscribe::default()
    };
    let check = |change: fn(&mut v1::Subscribe), reason: &str| {
        let mut changed = good.clone();
        change(&mut changed);
        check_refused(Wire::Subscribe(changed), "SUBSCRIBE", reason);
    };
    assert!(matches!(read(Wire::Subscribe(good.clone())), Call::Subscribe(_)));
    check(|who| who.roles.clear(), "subscribe.roles: at least one is needed");
    check(|who| who.roles = vec!["*".into(); ROLES_MAX + 1], "subscribe.roles: 257 of them, at most 256");
    check(|who| who.mode = None, "subscribe.mode: it is missing");
    check(|who| who.failover_timeout = None, "subscribe.failover_timeout: it is missing");
    check(|who| who.key = Some(String::new()), "subscribe.key: it is empty; a framework without a key leaves it out");
    check(|who| who.framework = Some(vec![1; 15]), "subscribe.framework: 15 bytes, an id has 16");
    check(
        |who| who.roles.push("a//b".into()),
        "subscribe.roles[1]: \"a//b\" is not a role: a role is * or parts of letters, digits, _, . and - joined by /, none \
         beginning with . or -",
    );
}

#[test]
fn a_filter_that_is_not_given_is_the_default() {
    let Call::Accept(accept) = read(accept(Vec::new())) else { panic!("not an accept") };
    let Call::Decline(decline) = read(Wire::Decline(v1::Decline::default())) else { panic!("not a decline") };
    assert_eq!((accept.filter, decline.filter), (FILTER_DEFAULT, FILTER_DEFAULT));
}

#[test]
fn an_agent_says_all_of_itself() {
    let check = |change: fn(&mut v1::Register), reason: &str| {
        let (incarnation, resources) = (vec![7; 16], Some(v1::Resources::default()));
        let mut register = v1::Register { incarnation, secret: vec![8; 16], resources, ..v1::Register::default() };
        change(&mut register);
        let report = Some(v1::agent_request::Report::Register(register));
        check_error(FromAgent::try_from(v1::AgentRequest { session: None, report }), reason);
    };
    check(|agent| agent.incarnation.clear(), "register.incarnation: it is missing");
    check(|agent| agent.secret.truncate(15), "register.secret: 15 bytes, an id has 16");
    check(|agent| agent.resources = None, "register.resources: it is missing");
    check(|agent| agent.hostname = "a\nb".into(), "register.hostname: it has a control character");
    check(
        |agent| agent.resources.as_mut().unwrap().disk_bytes = AMOUNT_MAX + 1,
        "register.resources: an amount is above 1125899906842624",
    );
    check(|agent| agent.containers.push(v1::ContainerSnapshot::default()), "register.containers[0].resources: it is missing");
    let rack = v1::Attribute { name: "rack".into(), value: "a".into() };
    let twice = FromAgent::try_from(v1::AgentRequest {
        session: None,
        report: Some(v1::agent_request::Report::Register(v1::Register {
            incarnation: vec![7; 16],
            secret: vec![8; 16],
            resources: Some(v1::Resources::default()),
            attributes: vec![rack.clone(), rack],
            ..v1::Register::default()
        })),
    });
    check_error(twice, r#"register.attributes: "rack" is not an attribute's name: it is given twice"#);
    check_error(FromAgent::try_from(v1::AgentRequest::default()), "report: it is missing, or one that is not known here");
    check_error(ToAgent::try_from(v1::AgentResponse::default()), "session: it is missing");
}

fn exit(how: v1::exit::How) -> Option<v1::Exit> {
    Some(v1::Exit { how: Some(how) })
}

#[test]
fn an_update_has_known_values_only() {
    let check = |change: fn(&mut v1::TaskUpdate), reason: &str| {
        let (state, source, why) = (v1::TaskState::Failed.into(), v1::Source::Agent.into(), v1::Reason::Exited.into());
        let mut update = v1::TaskUpdate { task: "t".into(), state, source, reason: why, ..v1::TaskUpdate::default() };
        change(&mut update);
        let fact = v1::Fact { framework: vec![1; 16], update: Some(update) };
        let report = Some(v1::agent_request::Report::Fact(fact));
        check_error(FromAgent::try_from(v1::AgentRequest { session: None, report }), reason);
    };
    check(|update| update.state = 0, "fact.update.state: it is not specified");
    check(|update| update.state = 99, "fact.update.state: 99 is not a value known here");
    check(|update| update.source = -1, "fact.update.source: -1 is not a value known here");
    check(|update| update.reason = 0, "fact.update.reason: it is not specified");
    check(|update| update.exit = Some(v1::Exit { how: None }), "fact.update.exit.how: it is missing");
    check(|update| update.exit = exit(v1::exit::How::Code(256)), "fact.update.exit.code: 256 is not from 0 to 255");
    check(|update| update.exit = exit(v1::exit::How::Signal(0)), "fact.update.exit.signal: 0 is not from 1 to 127");
    check(|update| update.usage = Some(v1::Usage::default()), "fact.update.usage.cpu: it is missing");
    check(|update| update.fact = Some(v1::FactId::default()), "fact.update.fact.incarnation: it is missing");
}

#[test]
fn a_wordy_sentence_is_cut_between_characters() {
    let message = format!("x{}", "é".repeat(SENTENCE_BYTES_MAX));
    let response = v1::AgentResponse {
        session: Some(v1::SessionId::default()),
        order: Some(v1::agent_response::Order::Refused(v1::Refusal { retry: false, message })),
    };
    let read = ToAgent::try_from(response).unwrap();
    let meros_types::AgentOrder::Refused(refusal) = read.order else { panic!("{read:?}") };
    assert_eq!(refusal.message.len(), SENTENCE_BYTES_MAX - 1);
}

#[test]
fn operators_are_told_what_is_wrong() {
    let kill = v1::KillTaskRequest { framework: Some(vec![]), task: "t".into(), grace: None };
    let error = KillTask::try_from(kill).unwrap_err();
    assert_eq!(tonic::Status::from(error).message(), "framework: it is missing");
}

#[test]
fn chunks_of_output_have_bounds() {
    assert_eq!(v1::LogChunk::output(1, u64::MAX - 2, "ab").check(), Ok(()));
    check_error(v1::LogChunk::output(1, u64::MAX, "ab").check(), "offset: it is too large");
    let data = vec![0; LOG_CHUNK_BYTES_MAX + 1].into();
    check_error(v1::LogChunk { data, ..v1::LogChunk::default() }.check(), "data: 65537 bytes, at most 65536");
    assert_eq!(v1::LogChunk::failed(1, 5, "no such container").check(), Ok(()));
    let both = v1::LogChunk { end: true, ..v1::LogChunk::failed(1, 5, "no such container") };
    check_error(both.check(), "end: there is an error too");
}
