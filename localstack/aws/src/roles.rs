//! What each function's role may do, as the template says: enforced on whoever signs requests as that role.
//!
//! On AWS a call that a role does not name fails in production alone. Here it fails on a laptop and in every test, and what is
//! granted and never asked for is known as well. It is no security boundary: who signs as whom is not checked.
//!
//! ```text
//!  request ─ Credential=<role>/... ─► calls (service, operation, body) ─► role's policies ─► and, for KMS, the key's policy
//! ```

mod call;
mod policy;

use crate::wire::Refusal;
use crate::{Provisioned, Topology};
use axum::http::HeaderMap;
use call::Call;
use policy::Statement;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// One action of one role on one resource, as in `vyrox-us-east-1-ingest sqs:SendMessage arn:aws:sqs:...`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The role's name, which is also the access key that its function signs with.
    pub role: String,
    /// Such as `sqs:SendMessage`.
    pub action: String,
    /// Its ARN.
    pub resource: String,
}

impl std::fmt::Display for Use {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {} {}", self.role, self.action, self.resource)
    }
}

/// The roles of a deployment and the policies of its keys. Clones share what was asked for.
#[derive(Debug, Clone)]
pub struct Roles(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    roles: BTreeMap<String, Role>,
    /// By the key's ARN.
    keys: BTreeMap<String, Vec<Statement>>,
    granted: Mutex<BTreeSet<Use>>,
    denied: Mutex<BTreeSet<Use>>,
}

#[derive(Debug)]
struct Role {
    arn: String,
    statements: Vec<Statement>,
}

impl Roles {
    /// Those of the template, with what was provisioned and `parameters` put in.
    #[must_use]
    pub fn of(topology: &Topology, provisioned: &Provisioned, parameters: &BTreeMap<String, String>) -> Self {
        let roles = topology.properties_of("AWS::IAM::Role", provisioned, parameters);
        let roles = roles.filter_map(|(_, role)| {
            let name = role["RoleName"].as_str()?.to_owned();
            let policies = role["Policies"].as_array().into_iter().flatten();
            let statements = policies.flat_map(|policy| Statement::all(&policy["PolicyDocument"])).collect();
            Some((name.clone(), Role { arn: format!("arn:aws:iam::{}:role/{name}", crate::sqs::ACCOUNT), statements }))
        });
        let keys = topology.properties_of("AWS::KMS::Key", provisioned, parameters);
        let keys = keys.filter_map(|(logical_id, key): (&str, Value)| {
            let arn = provisioned.key(logical_id)?.arn.clone();
            Some((arn, Statement::all(&key["KeyPolicy"]).collect()))
        });
        Self(Arc::new(Shared {
            roles: roles.collect(),
            keys: keys.collect(),
            granted: Mutex::default(),
            denied: Mutex::default(),
        }))
    }

    /// Everything that the roles' own policies name.
    #[must_use]
    pub fn allowed(&self) -> BTreeSet<Use> {
        let named = |(role, has): (&String, &Role)| {
            let pairs = has.statements.iter().flat_map(Statement::pairs);
            let used = |(action, resource)| Use { role: role.clone(), action, resource };
            pairs.map(used).collect::<Vec<_>>()
        };
        self.0.roles.iter().flat_map(named).collect()
    }

    /// What roles were allowed since the beginning.
    #[must_use]
    pub fn granted(&self) -> BTreeSet<Use> {
        self.0.granted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What roles were refused since the beginning.
    #[must_use]
    pub fn denied(&self) -> BTreeSet<Use> {
        self.0.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a request may be carried out. Whoever signs as no role is the operator, who may do everything.
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        (service, operation): (&str, &str),
        body: &[u8],
    ) -> Result<(), Refusal> {
        let Some((name, role)) = self.signer(headers) else { return Ok(()) };
        for call in Call::of(service, operation, body) {
            let own = role.statements.iter().any(|statement| statement.allows(&call, &role.arn));
            // What a key's policy does not name is closed to every role, whatever the role's own policies say.
            let keys = self.0.keys.get(&call.resource);
            let by_key = keys.is_none_or(|policy| policy.iter().any(|it| it.allows_here(&call, &role.arn)));
            let used = Use { role: name.to_owned(), action: call.action.clone(), resource: call.resource.clone() };
            if own && by_key {
                self.0.granted.lock().unwrap_or_else(PoisonError::into_inner).insert(used);
                continue;
            }
            let whose = if own { "the key's policy" } else { "its role's policies" };
            let message = format!(
                "{} is not authorized to perform {} on {}: {whose} do not allow it",
                role.arn, used.action, used.resource
            );
            tracing::error!(role = name, action = used.action, resource = used.resource, "refused by {whose}");
            self.0.denied.lock().unwrap_or_else(PoisonError::into_inner).insert(used);
            return Err(Refusal { kind: "AccessDeniedException", query_code: Some("AccessDenied"), message });
        }
        Ok(())
    }

    fn signer(&self, headers: &HeaderMap) -> Option<(&str, &Role)> {
        let signature = headers.get("authorization")?.to_str().ok()?;
        let (_, credential) = signature.split_once("Credential=")?;
        let (access_key, _) = credential.split_once('/')?;
        self.0.roles.get_key_value(access_key).map(|(name, role)| (name.as_str(), role))
    }
}
