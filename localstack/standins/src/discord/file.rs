//! Files that go with a message: taken from a multipart body, kept, and shown by the page.

use super::answer::Refusal;
use super::rules::{At, Problems};
use super::shared::Shared;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The most bytes of one message's files, in a server without boosts.
const MOST_BYTES: usize = 10 << 20;

/// A file as it came.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// The n of its part `files[n]`.
    number: u64,
    /// Its name.
    pub(crate) name: String,
    /// Its media type, as the sender says.
    pub(crate) kind: String,
    /// Its bytes.
    pub(crate) bytes: Bytes,
}

/// A JSON body, alone or as the part `payload_json` beside files.
pub(super) struct BodyWithFiles {
    pub(super) body: Value,
    pub(super) files: Vec<File>,
}

impl<S: Send + Sync> FromRequest<S> for BodyWithFiles {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("multipart/form-data") {
            let super::rest::JsonBody(body) = super::rest::JsonBody::from_request(request, state).await?;
            return Ok(Self { body, files: Vec::new() });
        }
        let invalid = || Refusal::other(400, 50035, "Invalid Form Body");
        let mut parts = Multipart::from_request(request, state).await.map_err(|_| invalid())?;
        let (mut body, mut files) = (Value::Null, Vec::new());
        while let Some(part) = parts.next_field().await.map_err(|_| invalid())? {
            let name = part.name().unwrap_or_default().to_owned();
            let (file_name, kind) = (part.file_name().map(str::to_owned), part.content_type().map(str::to_owned));
            let bytes = part.bytes().await.map_err(|_| invalid())?;
            if name == "payload_json" {
                body = serde_json::from_slice(&bytes).map_err(|_| Refusal::not_json())?;
                continue;
            }
            let number = name.strip_prefix("files[").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
            let (Some(number), Some(name)) = (number, file_name) else { return Err(invalid()) };
            files.push(File { number, name, kind: kind.unwrap_or_else(|| "application/octet-stream".into()), bytes });
        }
        if files.iter().map(|file| file.bytes.len()).sum::<usize>() > MOST_BYTES {
            return Err(Refusal::other(413, 40005, "Request entity too large"));
        }
        Ok(Self { body, files })
    }
}

/// Takes the list of files out of a body, if it says what came; otherwise what is wrong with it.
pub(super) fn take_listed(body: &mut Value, files: &[File], problems: &mut Problems) -> Vec<Value> {
    let at = At::default().down("attachments");
    let listed = body.as_object_mut().and_then(|body| body.remove("attachments")).unwrap_or_else(|| json!([]));
    let Some(listed) = listed.as_array() else {
        problems.add(&at, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
        return Vec::new();
    };
    let empty = Map::new();
    for (index, entry) in listed.iter().enumerate() {
        let at = at.down(&index);
        let keys = entry.as_object().unwrap_or(&empty).keys();
        for key in keys.filter(|key| !["id", "filename", "description"].contains(&key.as_str())) {
            problems.add(&at.down(key), "UNKNOWN_FIELD", "Discord does not know this field and would ignore it");
        }
        let known = files.iter().find(|file| Some(file.number) == entry["id"].as_u64());
        match (known, entry.get("filename").and_then(Value::as_str)) {
            (None, _) => problems.add(&at.down("id"), "ATTACHMENT_NOT_FOUND", "Attachment data cannot be found"),
            (Some(file), Some(name)) if name != file.name => {
                problems.add(&at.down("filename"), "BASE_TYPE_CHOICES", "The file has another name");
            }
            _ => {}
        }
    }
    listed.clone()
}

/// The attachment objects of a message.
pub(super) fn attach(files: &[File], ids: &[String]) -> Value {
    let entry = |(file, id): (&File, &String)| {
        json!({"id": id, "filename": file.name, "size": file.bytes.len(), "content_type": file.kind, "ephemeral": true,
            "url": format!("/attachments/{id}/{}", file.name), "proxy_url": format!("/attachments/{id}/{}", file.name)})
    };
    files.iter().zip(ids).map(entry).collect()
}

/// `GET /attachments/{id}/{name}`: pictures to look at, everything else to keep.
pub(super) async fn read(State(shared): State<Arc<Shared>>, Path((id, _name)): Path<(String, String)>) -> Response {
    let Some(file) = shared.read(|state| state.files.get(&id).cloned()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (kind, way) =
        if file.kind == "image/png" { ("image/png", "inline") } else { ("application/octet-stream", "attachment") };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, way),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    (headers, file.bytes).into_response()
}
