//! Who is let in: the token, and the Host header.

use meros_proto::v1;
use tonic::Code;

use crate::harness::{call_with, master};

#[tokio::test]
async fn calls_without_the_token_are_refused_with_directions() {
    let (master, _folder) = master().await;
    let mut admin = master.admin().await;
    let mut refusals = vec![admin.get_state(v1::GetStateRequest {}).await.unwrap_err()];
    for wrong in ["Bearer wrong", "Bearer ", "Basic x", master.token.reveal()] {
        refusals.push(admin.get_state(call_with(wrong, v1::GetStateRequest {})).await.unwrap_err());
    }
    for refusal in refusals {
        assert_eq!(refusal.code(), Code::Unauthenticated);
        assert!(refusal.message().contains("MEROS_TOKEN_FILE") && refusal.message().contains("~/.meros/"), "{refusal}");
    }
    assert!(admin.get_state(master.call(v1::GetStateRequest {})).await.is_ok());
}

#[tokio::test]
async fn every_service_asks_for_the_token() {
    let (master, _folder) = master().await;
    let channel = master.channel().await;
    let nothing = tokio_stream::empty::<v1::FrameworkRequest>;
    let scheduler = v1::scheduler_client::SchedulerClient::new(channel.clone()).session(nothing()).await.unwrap_err();
    let agent = v1::agent_client::AgentClient::new(channel.clone()).session(tokio_stream::empty()).await.unwrap_err();
    let log = v1::agent_client::AgentClient::new(channel).push_log(tokio_stream::empty()).await.unwrap_err();
    assert_eq!([scheduler.code(), agent.code(), log.code()], [Code::Unauthenticated; 3]);
}

#[tokio::test]
async fn the_state_page_asks_for_the_token_and_others_do_not() {
    let (master, _folder) = master().await;
    let (status, page) = master.get("/state", "localhost", "").await;
    assert_eq!(status, 401);
    assert!(page.contains("MEROS_TOKEN_FILE"), "{page}");
    assert_eq!(master.get("/state", "localhost", "Authorization: Bearer wrong\r\n").await.0, 401);
    assert_eq!(master.get("/healthz", "localhost", "").await.0, 200);
    assert_eq!(master.get("/metrics", "localhost", "").await.0, 200);
}

#[tokio::test]
async fn pages_are_only_for_our_own_names() {
    let (master, _folder) = master().await;
    let own = master.address.to_string();
    for path in ["/healthz", "/metrics", "/state", "/other"] {
        let (status, page) = master.get(path, "rebound.example:5050", "").await;
        assert_eq!(status, 403, "{path}");
        assert!(page.contains("rebound.example"), "{page}");
        assert_ne!(master.get(path, &own, "").await.0, 403, "{path}");
    }
    // A load balancer's probe may be older than the header.
    assert_eq!(master.http("GET /healthz HTTP/1.0\r\n\r\n").await.0, 200);
}
