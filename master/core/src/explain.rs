//! Why a framework has no more offers than it has. What the allocator can say of shapes comes from the allocator itself.

use meros_types::{ExplainCall, Explanation, FrameworkEvent, FrameworkId, Now, Role, Shape};

use crate::Master;
use crate::allocator::Question;
use crate::effect::{Effect, Reply, RequestError};
use crate::rows::FrameworkStanding;
use crate::table::FrameworkIx;

impl Master {
    /// Answers a framework about one of its roles.
    pub(crate) fn explain_call(&mut self, now: Now, framework: FrameworkIx, call: ExplainCall, effects: &mut Vec<Effect>) {
        self.settle_free();
        let explanations = self.explanations(now, framework, Some(&call.role), call.shape.as_ref());
        match explanations.into_iter().next() {
            Some(explanation) => self.tell(framework, FrameworkEvent::Explained(Box::new(explanation)), effects),
            None => {
                let reason = format!("the framework did not subscribe with role {}", call.role);
                self.refuse_call(framework, "EXPLAIN", reason, effects);
            }
        }
    }

    /// Answers an operator.
    pub(crate) fn explain_request(
        &mut self,
        now: Now,
        id: FrameworkId,
        role: Option<&Role>,
        shape: Option<&Shape>,
    ) -> Result<Reply, RequestError> {
        let found = self.frameworks_by_id.get(&id).copied();
        let known =
            |ix: &FrameworkIx| self.frameworks[*ix].is_shown() && self.frameworks[*ix].standing != FrameworkStanding::Removed;
        let framework = found.filter(known).ok_or_else(|| RequestError::UnknownFramework { framework: id.to_string() })?;
        self.settle_free();
        let explanations = self.explanations(now, framework, role, shape);
        match role.filter(|_| explanations.is_empty()) {
            Some(role) => Err(RequestError::UnknownRole { framework: id.to_string(), role: role.to_string() }),
            None => Ok(Reply::Explained(explanations)),
        }
    }

    /// Why a framework is offered no more, in each of the roles that it subscribed with or in the one that is named. None where it
    /// did not subscribe.
    fn explanations(&self, now: Now, framework: FrameworkIx, role: Option<&Role>, shape: Option<&Shape>) -> Vec<Explanation> {
        let row = &self.frameworks[framework];
        let off_duty = self.agents.iter().filter(|(_, agent)| agent.link.is_some() && agent.withheld).count() as u64;
        let question = Question { shape, now: now.mono, off_duty };
        let asked = row.subscribed.iter().filter(|subscribed| role.is_none_or(|role| role == *subscribed));
        let clients = asked.filter_map(|role| row.clients.get(role));
        clients.map(|client| self.allocator.explain(*client, &question, |framework| self.frameworks[framework].id)).collect()
    }
}
