//! What is printed when everything runs: where it is, and what to do first.

use crate::Endpoints;
use crate::provision;
use crate::scenario::HOSTS;
use crate::system::System;

/// For a tenant that is set up, or, after `--fresh`, for one that is not.
pub(super) fn text(system: &System, live: bool) -> String {
    if let Some(code) = &system.link_code {
        return first_steps(system, code);
    }
    let Endpoints {
        tenant_id,
        webhook_base_url,
        webhook_secret,
        relay_url,
        proxy_url,
        discord_page_url,
        edr_url,
        aws_endpoint_url,
        interactions_url,
        table_name,
    } = &system.endpoints;
    let proxy_audit = system.proxy_audit().display();
    let mode =
        if live { "live: it acts on the EDR stand-in" } else { "dry run; --live lets it act on the EDR stand-in" };
    format!(
        r#"
Vyrox is running. Open the channel, fire an alert, click Approve.

  Discord channel    {discord_page_url}
  EDR hosts          {edr_url}
  Webhook            {webhook_base_url}/webhook/crowdstrike/{tenant_id}
  Webhook secret     {webhook_secret}
  Interactions       {interactions_url}
  Relay              {relay_url}
  Edge proxy         {proxy_url}  ({mode})
  AWS endpoint       {aws_endpoint_url}  (table {table_name})

Or type / in the channel: as administrator (bottom left), /vyrox test-alert sends a test alert, /vyrox doctor looks for mistakes.

Fire an alert (in another terminal):

  cargo run -- fire credential-dump --url {webhook_base_url} --secret {webhook_secret} --tenant {tenant_id}

or with curl and openssl, as any sender would:

  BODY='{{"detect_id":"ldt:'$(date +%s)'","timestamp":'$(date +%s)',"severity":"critical","tactic":"Credential Access","technique":"T1003.001","sensor":{{"hostname":"WS-042","agent_id":"3f1c0a5b7d9e42a68c1b0d2e4f607182"}},"process":{{"user_name":"CORP\\svc-app","file_name":"rundll32.exe","command_line":"rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 624 C:\\Users\\Public\\out.dmp full"}}}}'; curl -sS {webhook_base_url}/webhook/crowdstrike/{tenant_id} -H 'Content-Type: application/json' -H "X-Vyrox-Signature: sha256=$(printf %s "$BODY" | openssl dgst -sha256 -hmac '{webhook_secret}' | sed 's/^.* //')" -d "$BODY"

Verify both audit chains:

  cargo run --bin vyrox-audit -- verify {proxy_audit}
  AWS_ENDPOINT_URL={aws_endpoint_url} AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test cargo run --bin vyroxctl -- audit export {tenant_id} | cargo run --bin vyrox-audit -- verify -

Ctrl-C stops everything."#
    )
}

/// What to do where nothing is set up yet.
fn first_steps(system: &System, code: &str) -> String {
    let page = &system.endpoints.discord_page_url;
    format!(
        r#"
Vyrox is running, and the tenant has nothing set up. Open the channel as its administrator:

  {page}?as={}

Type / there. In this order:

  /vyrox register   code: {code}
                    admin_role: @vyrox-admin
  /vyrox approvers add   role: @approver
  /vyrox setup      source: CrowdStrike Falcon
  /vyrox onboard    sends a signed test alert the whole way, and puts the tenant into use
  /vyrox test-alert device: {}   a host of the EDR stand-in's

Then act as approver-1 (bottom left) and press Approve.

Ctrl-C stops everything."#,
        provision::ADMINISTRATOR,
        HOSTS[0].1,
    )
}
