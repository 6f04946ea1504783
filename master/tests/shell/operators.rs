//! What operators ask beyond tasks and frameworks: refusals come with the code that tells programs why, and figures follow.

use std::time::Duration;

use meros_proto::{Explain, MarkGone, RemoveWindow, SetDuty, SetWindow, v1};
use meros_types::{
    AgentId, AgentOrder, Bounds, Call, ClusterState, Duty, ExplainCall, Explanation, FrameworkEvent, FrameworkId, OfferPreferences,
    Resources, Role, RoleUpdate, RolesUpdate, SessionEndKind, Standing, Subscribe, Unavailability, WallTime, Window,
};
use tonic::{Code, Status};

use crate::harness::{Reach, master, soon, subscribe};

const NOBODY: [u8; 16] = [9; 16];

fn limit(role: &str, limit: &str, guarantee: &str) -> RolesUpdate {
    let (limit, guarantee) = (Some(Bounds::parse(limit).unwrap()), Some(Resources::parse(guarantee).unwrap()));
    RolesUpdate { roles: vec![RoleUpdate { role: Role::new(role).unwrap(), weight: None, limit, guarantee }], force: false }
}

fn window(agent: AgentId) -> SetWindow {
    let unavailability = Unavailability { start: WallTime(u64::MAX / 2), duration: Duration::from_secs(1) };
    SetWindow { window: Window { id: "w".to_owned(), agents: vec![agent], unavailability } }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, words: &[&str]) {
    let status = answer.expect_err("it is refused");
    assert_eq!(status.code(), code, "{status}");
    assert!(words.iter().all(|word| status.message().contains(word)), "{status}");
}

async fn state(master: &Reach) -> ClusterState {
    let reply = soon(master.admin().await.get_state(master.call(v1::GetStateRequest {}))).await.unwrap();
    reply.into_inner().try_into().unwrap()
}

#[tokio::test]
async fn refusals_have_the_codes_that_the_service_promises() {
    let (master, _folder) = master().await;
    let mut admin = master.admin().await;
    let nobody = AgentId::from_bytes(NOBODY);
    let update: v1::UpdateRolesRequest = limit("eng", "cpus:1", "cpus:2").into();
    refused(soon(admin.update_roles(master.call(update))).await, Code::FailedPrecondition, &["eng", "cpus:2", "cpus:1"]);
    let nameless = v1::UpdateRolesRequest { roles: vec![v1::RoleUpdate::default()], force: false };
    refused(soon(admin.update_roles(master.call(nameless))).await, Code::InvalidArgument, &["roles[0].role"]);
    let duty: v1::SetDutyRequest = SetDuty { agent: nobody, duty: Duty::Deactivated }.into();
    refused(soon(admin.set_duty(master.call(duty))).await, Code::NotFound, &[&nobody.to_string(), "meros status"]);
    let no_duty = v1::SetDutyRequest { agent: NOBODY.to_vec(), duty: None };
    refused(soon(admin.set_duty(master.call(no_duty))).await, Code::InvalidArgument, &["duty: it is missing"]);
    let gone: v1::MarkGoneRequest = MarkGone { agent: nobody }.into();
    refused(soon(admin.mark_gone(master.call(gone))).await, Code::NotFound, &[&nobody.to_string()]);
    let set: v1::SetWindowRequest = window(nobody).into();
    refused(soon(admin.set_window(master.call(set))).await, Code::NotFound, &[&nobody.to_string()]);
    let remove: v1::RemoveWindowRequest = RemoveWindow { id: "w".to_owned() }.into();
    refused(soon(admin.remove_window(master.call(remove))).await, Code::NotFound, &["\"w\"", "maintenance list"]);
    let framework = FrameworkId::from_bytes(NOBODY);
    let explain: v1::ExplainRequest = Explain { framework, role: None, shape: None }.into();
    refused(soon(admin.explain(master.call(explain))).await, Code::NotFound, &[&framework.to_string()]);
}

#[tokio::test]
async fn what_is_decided_is_in_the_state_and_among_the_figures() {
    let (master, _folder) = master().await;
    let mut admin = master.admin().await;
    let mut agent = master.agent().await;
    let id = agent.register("cpus:4;mem:8GiB").await;
    soon(admin.update_roles(master.call(limit("eng", "cpus:2", "cpus:1").into()))).await.unwrap();
    soon(admin.set_window(master.call(window(id).into()))).await.unwrap();
    soon(admin.set_duty(master.call(SetDuty { agent: id, duty: Duty::Deactivated }.into()))).await.unwrap();
    let seen = state(&master).await;
    let eng = seen.roles.iter().find(|role| role.role.as_str() == "eng").unwrap();
    assert_eq!((eng.settings.limit.to_string(), eng.settings.guarantee.to_string()), ("cpus:2".to_owned(), "cpus:1".to_owned()));
    assert_eq!((seen.windows.len(), seen.agents[0].duty, seen.agents[0].unavailability.is_some()), (1, Duty::Deactivated, true));
    let (status, page) = master.get("/metrics", "localhost", "").await;
    assert_eq!(status, 200);
    for line in
        ["meros_master_agents_by_duty{duty=\"DEACTIVATED\"} 1.0", "meros_master_role_limit{role=\"eng\",resource=\"cpus\"} 2.0"]
    {
        assert!(page.lines().any(|one| one == line), "no {line} in {page}");
    }

    soon(admin.remove_window(master.call(RemoveWindow { id: "w".to_owned() }.into()))).await.unwrap();
    soon(admin.mark_gone(master.call(MarkGone { agent: id }.into()))).await.unwrap();
    let AgentOrder::Refused(refusal) = agent.hear().await else { panic!("it is not told") };
    assert!(!refusal.retry && refusal.message.contains("gone"), "{}", refusal.message);
    let duty: v1::SetDutyRequest = SetDuty { agent: id, duty: Duty::Active }.into();
    refused(soon(admin.set_duty(master.call(duty))).await, Code::FailedPrecondition, &["gone for good"]);
    assert_eq!((state(&master).await.windows.len(), state(&master).await.agents.len()), (0, 0));
}

#[tokio::test]
async fn frameworks_and_operators_are_told_how_a_framework_stands() {
    let (master, _folder) = master().await;
    let mut framework = master.framework().await;
    let id = framework.try_subscribe(subscribe(None)).await.unwrap().framework;
    framework.say(vec![Call::Explain(ExplainCall { role: Role::default(), shape: None })]).await;
    let FrameworkEvent::Explained(explanation) = framework.hear().await.unwrap() else { panic!("it is not told") };
    assert_eq!((explanation.framework, &explanation.role), (id, &Role::default()));
    assert_ne!(explanation.standing, Standing::Disconnected);
    let question: v1::ExplainRequest = Explain { framework: id, role: None, shape: None }.into();
    let reply = soon(master.admin().await.explain(master.call(question))).await.unwrap().into_inner();
    let [told] = <[_; 1]>::try_from(reply.explanations).unwrap();
    assert_eq!(Explanation::try_from(told).unwrap(), *explanation);
}

#[tokio::test]
async fn a_lease_that_nobody_may_have_is_refused_with_its_bounds() {
    let (master, _folder) = master().await;
    let preferences = OfferPreferences { lease: Some(Duration::from_millis(1)), ..OfferPreferences::default() };
    let asked = Subscribe { preferences, ..subscribe(None) };
    let end = master.framework().await.try_subscribe(asked).await.unwrap_err();
    assert_eq!(end.kind, SessionEndKind::Invalid);
    assert!(end.message.contains("lease"), "{}", end.message);
}
