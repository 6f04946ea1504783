//! The three gRPC services. Each handler only converts, asks the loop and waits; sessions and logs have files of their own.

use std::time::Duration;

use meros_master_core::{Reply, Request as Question, Token};
use meros_proto::v1::admin_server::{Admin, AdminServer};
use meros_proto::v1::agent_server::{Agent, AgentServer};
use meros_proto::v1::scheduler_server::{Scheduler, SchedulerServer};
use meros_proto::{
    Explain, KillTask, MESSAGE_BYTES_MAX, MarkGone, ReadLog, RemoveWindow, STATE_BYTES_MAX, SetDuty, SetWindow, Teardown, v1,
};
use tokio::sync::watch;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status, Streaming};

use crate::door::{Door, refusal};
use crate::guard::TokenCheck;
use crate::logs::{Chunks, Readers};
use crate::session::{Agents, Frameworks, Responses, begin};

/// How long an agent's log stream may take to say which request it is for.
const FIRST_CHUNK_WAIT: Duration = Duration::from_secs(10);

/// What every handler has at hand.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) door: Door,
    pub(crate) readers: Readers,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Adds the services to the routes, each behind the token and within the limits on messages.
pub(crate) fn routes(routes: Routes, services: &Services, token: &TokenCheck) -> Routes {
    let scheduler = SchedulerServer::new(services.clone())
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let agent = AgentServer::new(services.clone())
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    // An operator's reply may be large; what operators ask never is.
    let admin =
        AdminServer::new(services.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(STATE_BYTES_MAX);
    routes
        .add_service(InterceptedService::new(scheduler, token.clone()))
        .add_service(InterceptedService::new(agent, token.clone()))
        .add_service(InterceptedService::new(admin, token.clone()))
        .prepare()
}

impl Services {
    async fn ask(&self, token: Token, question: Question) -> Result<Reply, Status> {
        match self.door.ask(token, question).await? {
            Reply::Refused(error) => Err(refusal(&error)),
            reply => Ok(reply),
        }
    }

    /// Asks for what an operator has decided, which is on the disk when this returns.
    async fn decide(&self, decision: Question) -> Result<(), Status> {
        match self.ask(self.door.next_token(), decision).await? {
            Reply::Done => Ok(()),
            _ => Err(mismatch()),
        }
    }
}

/// The core answers each question in kind; anything else is a defect of ours, and is said so.
fn mismatch() -> Status {
    Status::internal("the master answered another question than the one asked; please report this")
}

#[tonic::async_trait]
impl Scheduler for Services {
    type SessionStream = Responses<Frameworks>;

    async fn session(&self, request: Request<Streaming<v1::FrameworkRequest>>) -> Result<Response<Self::SessionStream>, Status> {
        begin::<Frameworks>(&self.door, request).await
    }
}

#[tonic::async_trait]
impl Agent for Services {
    type SessionStream = Responses<Agents>;

    async fn session(&self, request: Request<Streaming<v1::AgentRequest>>) -> Result<Response<Self::SessionStream>, Status> {
        begin::<Agents>(&self.door, request).await
    }

    async fn push_log(&self, request: Request<Streaming<v1::LogChunk>>) -> Result<Response<v1::PushLogReply>, Status> {
        let mut chunks = request.into_inner();
        let first = tokio::time::timeout(FIRST_CHUNK_WAIT, chunks.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("the log stream was opened and nothing was said on it"))??;
        let first = first.ok_or_else(|| Status::invalid_argument("the log stream ended before its first chunk"))?;
        // An error means that the reader has gone, or has all: either way the agent is done.
        let _ = self.readers.hand_over(first, chunks).await;
        Ok(Response::new(v1::PushLogReply {}))
    }
}

#[tonic::async_trait]
impl Admin for Services {
    async fn get_state(&self, _: Request<v1::GetStateRequest>) -> Result<Response<v1::ClusterState>, Status> {
        match self.ask(self.door.next_token(), Question::State).await? {
            Reply::State(state) => Ok(Response::new((*state).into())),
            _ => Err(mismatch()),
        }
    }

    async fn kill_task(&self, request: Request<v1::KillTaskRequest>) -> Result<Response<v1::KillTaskReply>, Status> {
        let KillTask { framework, task, grace } = request.into_inner().try_into()?;
        match self.ask(self.door.next_token(), Question::KillTask { framework, task, grace }).await? {
            Reply::Killing => Ok(Response::new(v1::KillTaskReply {})),
            _ => Err(mismatch()),
        }
    }

    async fn teardown(&self, request: Request<v1::TeardownRequest>) -> Result<Response<v1::TeardownReply>, Status> {
        let Teardown { framework } = request.into_inner().try_into()?;
        match self.ask(self.door.next_token(), Question::Teardown { framework }).await? {
            Reply::TornDown => Ok(Response::new(v1::TeardownReply {})),
            _ => Err(mismatch()),
        }
    }

    async fn update_roles(&self, request: Request<v1::UpdateRolesRequest>) -> Result<Response<v1::UpdateRolesReply>, Status> {
        self.decide(Question::UpdateRoles(request.into_inner().try_into()?)).await?;
        Ok(Response::new(v1::UpdateRolesReply {}))
    }

    async fn set_duty(&self, request: Request<v1::SetDutyRequest>) -> Result<Response<v1::SetDutyReply>, Status> {
        let SetDuty { agent, duty } = request.into_inner().try_into()?;
        self.decide(Question::SetDuty { agent, duty }).await?;
        Ok(Response::new(v1::SetDutyReply {}))
    }

    async fn mark_gone(&self, request: Request<v1::MarkGoneRequest>) -> Result<Response<v1::MarkGoneReply>, Status> {
        let MarkGone { agent } = request.into_inner().try_into()?;
        self.decide(Question::MarkGone { agent }).await?;
        Ok(Response::new(v1::MarkGoneReply {}))
    }

    async fn set_window(&self, request: Request<v1::SetWindowRequest>) -> Result<Response<v1::SetWindowReply>, Status> {
        let SetWindow { window } = request.into_inner().try_into()?;
        self.decide(Question::SetWindow(window)).await?;
        Ok(Response::new(v1::SetWindowReply {}))
    }

    async fn remove_window(&self, request: Request<v1::RemoveWindowRequest>) -> Result<Response<v1::RemoveWindowReply>, Status> {
        let RemoveWindow { id } = request.into_inner().try_into()?;
        self.decide(Question::RemoveWindow { id }).await?;
        Ok(Response::new(v1::RemoveWindowReply {}))
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Result<Response<v1::ExplainReply>, Status> {
        let Explain { framework, role, shape } = request.into_inner().try_into()?;
        match self.ask(self.door.next_token(), Question::Explain { framework, role, shape }).await? {
            Reply::Explained(explanations) => {
                Ok(Response::new(v1::ExplainReply { explanations: explanations.into_iter().map(Into::into).collect() }))
            }
            _ => Err(mismatch()),
        }
    }

    type ReadLogStream = Chunks;

    async fn read_log(&self, request: Request<v1::ReadLogRequest>) -> Result<Response<Chunks>, Status> {
        let ReadLog { framework, task, stream, offset, follow } = request.into_inner().try_into()?;
        let token = self.door.next_token();
        // Before the core tells the agent, which may be faster than its answer to us.
        let place = self.readers.wait_for(token)?;
        match self.ask(token, Question::OpenLog { framework, task, stream, offset, follow }).await? {
            Reply::LogOpening => Ok(Response::new(place.arrival(self.stopping.clone()).await?)),
            _ => Err(mismatch()),
        }
    }
}
