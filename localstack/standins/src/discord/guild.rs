//! The REST routes about a server and an application's commands.

use super::answer::Refusal;
use super::payload;
use super::rest::{JsonBody, judge_schema};
use super::rules::{Problems, judge_commands};
use super::schema::Body as SchemaBody;
use super::shared::Shared;
use crate::clock;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Json;
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::Arc;

/// Their routes, below `/api/v10`.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/guilds/{guild}", get(read_guild))
        .route("/guilds/{guild}/roles", get(read_roles))
        .route("/guilds/{guild}/members/{member}", get(read_member))
        .route("/applications/{application}/commands", get(read_commands).put(overwrite))
        .route("/applications/{application}/guilds/{guild}/commands", get(read_guild_commands).put(overwrite_in_guild))
}

fn known_guild(shared: &Shared, guild: &str) -> Result<(), Refusal> {
    if guild == shared.options.guild_id { Ok(()) } else { Err(Refusal::unknown_guild()) }
}

async fn read_guild(State(shared): State<Arc<Shared>>, Path(guild): Path<String>) -> Result<Json<Value>, Refusal> {
    known_guild(&shared, &guild)?;
    Ok(Json(payload::guild(&shared.options)))
}

async fn read_roles(State(shared): State<Arc<Shared>>, Path(guild): Path<String>) -> Result<Json<Value>, Refusal> {
    known_guild(&shared, &guild)?;
    let named = shared.options.roles.iter().enumerate().map(|(index, role)| payload::role(role, index + 1));
    Ok(Json(std::iter::once(payload::everyone(&shared.options)).chain(named).collect()))
}

async fn read_member(
    State(shared): State<Arc<Shared>>,
    Path((guild, id)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    known_guild(&shared, &guild)?;
    let options = &shared.options;
    if id == options.application_id {
        return Ok(Json(
            json!({"user": payload::bot_user(options), "roles": options.bot_roles, "nick": null, "flags": 0,
            "joined_at": clock::iso8601(payload::EPOCH), "deaf": false, "mute": false, "pending": false}),
        ));
    }
    let member = options.members.iter().find(|member| member.id == id);
    member.map(|member| Json(payload::member(member))).ok_or_else(|| Refusal::other(404, 10007, "Unknown Member"))
}

fn known_application(shared: &Shared, application: &str) -> Result<(), Refusal> {
    if application == shared.options.application_id {
        Ok(())
    } else {
        Err(Refusal::other(403, 20012, "You are not authorized to perform this action on this application"))
    }
}

async fn read_commands(
    State(shared): State<Arc<Shared>>,
    Path(application): Path<String>,
) -> Result<Json<Value>, Refusal> {
    known_application(&shared, &application)?;
    Ok(Json(shared.read(|state| state.commands.clone().into())))
}

async fn read_guild_commands(
    State(shared): State<Arc<Shared>>,
    Path((application, guild)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    known_guild(&shared, &guild)?;
    read_commands(State(shared), Path(application)).await
}

async fn overwrite(
    State(shared): State<Arc<Shared>>,
    Path(application): Path<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, Refusal> {
    known_application(&shared, &application)?;
    let mut problems = Problems::default();
    judge_commands(&body, &mut problems);
    judge_schema(&shared, SchemaBody::Commands, &body, &mut problems);
    if !problems.is_empty() {
        let refusal = Refusal::invalid_form(&problems);
        shared.report("PUT /applications/{application}/commands", refusal.body().clone(), body);
        return Err(refusal);
    }
    let now = clock::unix_millis();
    Ok(Json(shared.edit(|state| {
        let mut commands: Vec<Value> = body.as_array().cloned().unwrap_or_default();
        for command in &mut commands {
            // One that stays keeps its id.
            let known = state.commands.iter().find(|known| known["name"] == command["name"]);
            let id = known.map(|known| known["id"].clone());
            command["id"] = id.unwrap_or_else(|| state.ids.make(now).into());
            command["application_id"] = application.clone().into();
            command["type"] = command.get("type").cloned().unwrap_or_else(|| json!(1));
        }
        state.commands.clone_from(&commands);
        commands.into()
    })))
}

async fn overwrite_in_guild(
    State(shared): State<Arc<Shared>>,
    Path((application, guild)): Path<(String, String)>,
    body: JsonBody,
) -> Result<Json<Value>, Refusal> {
    known_guild(&shared, &guild)?;
    overwrite(State(shared), Path(application), body).await
}
