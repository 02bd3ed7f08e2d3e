//! The EDR vendors' stand-ins, and the proxy's access to them.

use crate::scenario::{AGENTS, HOSTS, MACHINES};
use std::net::SocketAddr;
use std::time::Duration;
use vyrox_contract::{Target, Vendor};
use vyrox_edge_proxy::{Base, Config, EdrConfig, Secret, Timing};
use vyrox_edr_standin::{
    Agent, Defender, DefenderOptions, Falcon, FalconOptions, Host, HostStatus, Machine, Sentinelone, SentineloneOptions,
};

/// Every vendor's stand-in but Falcon, which has a page of its own.
pub struct Edrs {
    /// SentinelOne.
    pub sentinelone: Sentinelone,
    /// Defender.
    pub defender: Defender,
}

/// Starts Falcon, SentinelOne and Defender, each with the hosts that the scenarios name.
pub(crate) async fn start(addresses: [SocketAddr; 3]) -> std::io::Result<(Falcon, Edrs)> {
    let [first, second, third] = addresses;
    let hosts = HOSTS.iter().map(|(name, aid)| Host { aid: (*aid).into(), hostname: (*name).into() }).collect();
    let falcon = Falcon::start(FalconOptions { bind: first, hosts, ..FalconOptions::default() }).await?;
    let agents = AGENTS.iter().map(|(name, id)| Agent { id: (*id).into(), name: (*name).into() }).collect();
    let sentinelone =
        Sentinelone::start(SentineloneOptions { bind: second, agents, ..SentineloneOptions::default() }).await?;
    let machines = MACHINES.iter().map(|(name, id)| Machine { id: (*id).into(), name: (*name).into() }).collect();
    let defender = Defender::start(DefenderOptions { bind: third, machines, ..DefenderOptions::default() }).await?;
    Ok((falcon, Edrs { sentinelone, defender }))
}

/// Gives the proxy access to all of them.
pub(crate) fn connect(config: &mut Config, falcon: &Falcon, edrs: &Edrs) {
    let (falcon_options, defender_options) = (FalconOptions::default(), DefenderOptions::default());
    let mut access = |vendor, url: String, client_id, secret, directory| {
        let base = Base::loopback(vendor, &url).expect("the stand-in is on loopback");
        let timing = Timing { confirm_every: Duration::from_millis(100), ..Timing::default() };
        let access = EdrConfig::new(base, Secret::new(secret));
        config.edrs.push(EdrConfig { client_id, directory, timing, ..access });
    };
    let (id, secret) = (falcon_options.client_id, falcon_options.client_secret);
    access(Vendor::Crowdstrike, falcon.url(), id, secret, String::new());
    let token = SentineloneOptions::default().api_token;
    access(Vendor::Sentinelone, edrs.sentinelone.url(), String::new(), token, String::new());
    let (id, secret) = (defender_options.client_id, defender_options.client_secret);
    access(Vendor::Defender, edrs.defender.url(), id, secret, defender_options.directory);
}

/// The same access as variables, for a proxy that is another program.
pub(crate) fn settings(falcon: &Falcon, edrs: &Edrs) -> Vec<(&'static str, String)> {
    let (crowdstrike, sentinelone, defender) =
        (FalconOptions::default(), SentineloneOptions::default(), DefenderOptions::default());
    vec![
        ("VYROX_CROWDSTRIKE_LOOPBACK_URL", falcon.url()),
        ("VYROX_CROWDSTRIKE_CLIENT_ID", crowdstrike.client_id),
        ("VYROX_CROWDSTRIKE_CLIENT_SECRET", crowdstrike.client_secret),
        ("VYROX_SENTINELONE_LOOPBACK_URL", edrs.sentinelone.url()),
        ("VYROX_SENTINELONE_API_TOKEN", sentinelone.api_token),
        ("VYROX_DEFENDER_LOOPBACK_URL", edrs.defender.url()),
        ("VYROX_DEFENDER_DIRECTORY", defender.directory),
        ("VYROX_DEFENDER_CLIENT_ID", defender.client_id),
        ("VYROX_DEFENDER_CLIENT_SECRET", defender.client_secret),
    ]
}

/// What the target's vendor shows of its device, and whether that is cut off.
pub(crate) fn state(target: &Target, falcon: &Falcon, edrs: &Edrs) -> (String, bool) {
    let device = target.device_id.as_ref().map_or("", vyrox_contract::DeviceId::as_str);
    let state = match target.vendor {
        Vendor::Crowdstrike => {
            falcon.host_status(device).map(|status| (status.as_str(), status == HostStatus::Contained))
        }
        Vendor::Sentinelone => edrs.sentinelone.network_status(device).map(|status| (status, status == "disconnected")),
        Vendor::Defender => {
            let isolated = edrs.defender.isolation(device).as_deref() == Some("Full");
            Some((if isolated { "isolated" } else { "not isolated" }, isolated))
        }
        Vendor::Generic => None,
    };
    state.map_or_else(|| ("unknown".to_owned(), false), |(word, contained)| (word.to_owned(), contained))
}
