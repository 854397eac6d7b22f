//! Access log of four web servers over six hours, with an incident.
//!
//! Clients come in sessions: a page, its static files, a pause, the next page. `web3` loses its backend from 10:20 to
//! 10:47 (errors, slow answers, users who reload). The log shipper of `web2` stalls from 11:30 to 11:36 and delivers
//! those minutes in one burst. At 13:00 a restarted shipper sends a few lines of the morning once more, hours late.
//! A scanner looks for things that are not there, a load balancer asks for a heartbeat every half minute.

use cepshim::message::FieldValues;

use super::{SECOND, Set, message::Message, random::Random};

/// 2026-03-02T08:00:00Z.
const START: i64 = 1_772_438_400;
const HOURS: i64 = 6;

const INCIDENT: (i64, i64) = (8_400, 10_020);
const INCIDENT_HOST: usize = 2;
const STALL: (i64, i64) = (12_600, 12_960);
const STALL_HOST: usize = 1;
/// When the restarted shipper sends `REREAD` once more.
const RESTART: i64 = 18_000;
const REREAD: (i64, i64) = (900, 1_200);

const HOSTS: [&str; 4] = ["web1.example.com", "web2.example.com", "web3.example.com", "web4.example.com"];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Static,
    Page,
    Api,
    Search,
    Login,
}

/// Weight, path, kind; `{}` is replaced by a number.
const PAGES: &[(u32, (&str, Kind))] = &[
    (300, ("/", Kind::Page)),
    (160, ("/products", Kind::Page)),
    (220, ("/products/{}", Kind::Page)),
    (90, ("/docs/getting-started", Kind::Page)),
    (60, ("/docs/reference/{}", Kind::Page)),
    (25, ("/blog", Kind::Page)),
    (40, ("/blog/{}", Kind::Page)),
    (110, ("/search?q={}", Kind::Search)),
    (120, ("/api/v1/items/{}", Kind::Api)),
    (70, ("/api/v1/recommendations", Kind::Api)),
    (45, ("/api/v2/cart", Kind::Api)),
    (40, ("/login", Kind::Login)),
    (8, ("/old/catalogue/{}", Kind::Page)),
    (6, ("/impressum", Kind::Page)),
];

const ASSETS: &[(u32, &str)] = &[
    (40, "/static/app.4f1c09.js"),
    (38, "/static/main.b71e22.css"),
    (20, "/static/logo.svg"),
    (18, "/static/fonts/inter.woff2"),
    (9, "/favicon.ico"),
    (25, "/static/img/hero-{}.webp"),
];

const PROBES: &[&str] = &[
    "/wp-login.php",
    "/.env",
    "/.git/config",
    "/admin/",
    "/phpmyadmin/index.php",
    "/cgi-bin/test.cgi",
    "/backup.zip",
];

const USER_AGENTS: &[(u32, &str)] = &[
    (38, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:147.0) Gecko/20100101 Firefox/147.0"),
    (17, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:147.0) Gecko/20100101 Firefox/147.0"),
    (9, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (16, "Mozilla/5.0 (Android 15; Mobile; rv:147.0) Gecko/147.0 Firefox/147.0"),
    (
        8,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 FxiOS/147.0 Mobile/15E148",
    ),
    (3, "ExampleBot/2.1 (+https://bot.example.com/about)"),
    (2, "curl/8.12.1"),
    (1, ""),
];

const SCANNER: &str = "python-requests/2.32.3";
const HEARTBEAT: &str = "lb-health/1.0";

/// Somebody, or something, that sends requests.
struct Client {
    address: String,
    user_agent: &'static str,
    user: Option<String>,
    host: usize,
}

/// One request, before it is a log line. Times are milliseconds since `START`.
struct Request<'a> {
    ends: i64,
    client: &'a Client,
    method: &'static str,
    path: String,
    kind: Kind,
    status: u16,
    bytes: i64,
    millis: i64,
    referer: Option<String>,
}

struct Line {
    /// When the pipeline sees it.
    arrives: i64,
    message: Message,
}

struct Log {
    random: Random,
    lines: Vec<Line>,
}

/// The set.
pub fn set() -> Set {
    let mut log = Log { random: Random::stream(1), lines: Vec::new() };
    log.sessions();
    log.heartbeats();
    log.scanner();
    log.reread();
    log.lines.sort_by_key(|it| it.arrives);
    Set {
        name: "access",
        file: "access.hpb.zst",
        is_compressed: true,
        about: "access and error log of four web servers, six hours, with an incident and late lines",
        parameters: "hours = 6\nhosts = 4\nincident = \"web3, 10:20 to 10:47\"\nshipper_stall = \"web2, 11:30 to 11:36\"\nreread = \"13:00, lines of 08:15 to 08:20\"\n",
        records: log.lines.iter().map(|it| it.message.record()).collect(),
    }
}

impl Log {
    fn sessions(&mut self) {
        for second in 0..HOURS * 3_600 {
            // Traffic grows towards noon and falls after it.
            let noon = 1.0 - (second - 14_400).abs() as f64 / 28_800.0;
            if self.random.chance(0.13 * noon) {
                let client = self.client();
                let start = second * 1_000 + self.random.between(0, 999);
                self.session(&client, start);
            }
        }
    }

    fn client(&mut self) -> Client {
        let random = &mut self.random;
        // A few networks send most of the traffic: the square favours low numbers.
        let low = random.unit();
        let last = 1 + (low * low * 250.0) as u32;
        let network = random.weighted(&[(6, "203.0.113"), (3, "198.51.100"), (1, "192.0.2")]);
        Client {
            address: format!("{network}.{last}"),
            user_agent: random.weighted(USER_AGENTS),
            user: random.chance(0.25).then(|| format!("user{}", 100 + random.below(400))),
            host: last as usize % HOSTS.len(),
        }
    }

    fn session(&mut self, client: &Client, start: i64) {
        let mut now = start;
        let mut referer = None;
        let mut has_assets = false;
        loop {
            let (template, kind) = self.random.weighted(PAGES);
            let path = self.fill(template);
            let method = match (template, kind) {
                (_, Kind::Login) if client.user.is_some() => "POST",
                ("/api/v2/cart", _) => {
                    self.random.weighted(&[(5, "GET"), (3, "POST"), (1, "PUT"), (1, "DELETE")])
                }
                _ => self.random.weighted(&[(60, "GET"), (1, "HEAD")]),
            };
            let mut status = self.request(client, now, method, &path, kind, referer.clone());
            // Who sees an error page tries again, up to three times.
            for _ in 0..3 {
                if status < 500 || !self.random.chance(0.6) {
                    break;
                }
                now += self.random.between(1_200, 4_000);
                status = self.request(client, now, method, &path, kind, referer.clone());
            }
            if status < 400 && matches!(kind, Kind::Page | Kind::Search) {
                for _ in 0..self.random.below(3) {
                    let template = self.random.weighted(ASSETS);
                    let asset = self.fill(template);
                    let at = now + self.random.between(40, 400);
                    self.asset(client, at, &asset, &path, has_assets);
                }
                has_assets = true;
                referer = Some(format!("https://www.example.com{path}"));
            }
            if self.random.chance(0.22) {
                break;
            }
            now += self.random.log_normal(9_000.0, 1.1) as i64;
        }
    }

    fn fill(&mut self, template: &str) -> String {
        let skewed = self.random.unit();
        template.replace("{}", &format!("{}", 1 + (skewed * skewed * skewed * 900.0) as u32))
    }

    fn asset(&mut self, client: &Client, at: i64, path: &str, page: &str, is_cached: bool) {
        let is_cached = is_cached && self.random.chance(0.8);
        let (status, bytes) = if is_cached { (304, 0) } else { (200, self.size(18_000.0, 1.2)) };
        let millis = self.random.log_normal(2.0, 0.7) as i64;
        let referer = Some(format!("https://www.example.com{page}"));
        self.line(&Request {
            ends: at + millis,
            client,
            method: "GET",
            path: path.to_owned(),
            kind: Kind::Static,
            status,
            bytes,
            millis,
            referer,
        });
    }

    /// Logs one request and returns its status.
    fn request(
        &mut self,
        client: &Client,
        at: i64,
        method: &'static str,
        path: &str,
        kind: Kind,
        referer: Option<String>,
    ) -> u16 {
        let (median, spread) = match kind {
            Kind::Static => (2.0, 0.7),
            Kind::Page => (38.0, 0.6),
            Kind::Api => (64.0, 0.7),
            Kind::Search => (170.0, 0.8),
            Kind::Login => (240.0, 0.3),
        };
        let trouble = trouble(client.host, at / 1_000);
        let mut millis = self.random.log_normal(median * (1.0 + 5.0 * trouble), spread) as i64;
        let mut status = self.status(method, path, kind, client);
        if self.random.chance(trouble * 0.75 + 0.0015) {
            status = self.random.weighted(&[(45, 502), (35, 503), (20, 504), (2, 500)]);
            match status {
                503 => millis = self.random.between(0, 3),
                504 => millis = 30_000 + self.random.between(0, 9),
                _ => {}
            }
        } else if millis > 2_500 && self.random.chance(0.4) {
            // The client did not wait; nginx has a status of its own for that.
            status = 499;
        }
        let bytes = match status {
            200 if method == "HEAD" => 0,
            200 => self.size(if kind == Kind::Api { 1_400.0 } else { 14_000.0 }, 0.8),
            204 | 304 | 499 => 0,
            301 | 302 => 145,
            _ => 153 + i64::from(status) % 7 * 20,
        };
        let request = Request {
            ends: at + millis,
            client,
            method,
            path: path.to_owned(),
            kind,
            status,
            bytes,
            millis,
            referer,
        };
        if status >= 502 {
            self.error_line(&request);
        }
        self.line(&request);
        status
    }

    fn status(&mut self, method: &str, path: &str, kind: Kind, client: &Client) -> u16 {
        let random = &mut self.random;
        if path.starts_with("/old/") {
            return 301;
        }
        if path == "/impressum" {
            return 404;
        }
        match (kind, method) {
            (Kind::Login, "POST") => random.weighted(&[(85, 302), (15, 401)]),
            (Kind::Api, _) if client.user_agent.starts_with("ExampleBot") => {
                random.weighted(&[(3, 200), (7, 429)])
            }
            (Kind::Api, "POST" | "PUT") => random.weighted(&[(80, 201), (12, 200), (8, 400)]),
            (Kind::Api, "DELETE") => 204,
            (Kind::Api, _) if path.contains("/cart") && client.user.is_none() => 403,
            _ => random.weighted(&[(960, 200), (25, 304), (12, 404), (3, 400)]),
        }
    }

    fn size(&mut self, median: f64, spread: f64) -> i64 {
        self.random.log_normal(median, spread) as i64
    }

    fn heartbeats(&mut self) {
        for host in 0..HOSTS.len() {
            let client = Client { address: "192.0.2.254".into(), user_agent: HEARTBEAT, user: None, host };
            for beat in 0..HOURS * 120 {
                let at = beat * 30_000 + host as i64 * 7_500;
                let is_down = self.random.chance(trouble(host, at / 1_000));
                let status = if is_down { 503 } else { 200 };
                let millis = self.random.between(0, 2);
                self.line(&Request {
                    ends: at + millis,
                    client: &client,
                    method: "GET",
                    path: "/__heartbeat__".into(),
                    kind: Kind::Static,
                    status,
                    bytes: 2,
                    millis,
                    referer: None,
                });
            }
        }
    }

    fn scanner(&mut self) {
        let client = Client { address: "198.51.100.66".into(), user_agent: SCANNER, user: None, host: 3 };
        for probe in 0..240 {
            let millis = self.random.between(1, 6);
            self.line(&Request {
                ends: 16_200_000 + probe * 350 + millis,
                client: &client,
                method: "GET",
                path: PROBES[probe as usize % PROBES.len()].into(),
                kind: Kind::Page,
                status: 404,
                bytes: 153,
                millis,
                referer: None,
            });
        }
    }

    /// The lines of a few morning minutes of one host, delivered again hours later; new Uuids, old Timestamps.
    fn reread(&mut self) {
        let from = (START + REREAD.0) * SECOND..(START + REREAD.1) * SECOND;
        let mut again: Vec<Message> = self
            .lines
            .iter()
            .filter(|it| from.contains(&it.message.timestamp))
            .filter(|it| it.message.hostname.as_deref() == Some(HOSTS[0]))
            .map(|it| it.message.clone())
            .collect();
        again.sort_by_key(|it| it.timestamp);
        for (i, mut message) in again.into_iter().enumerate() {
            message.uuid = self.random.uuid();
            self.lines.push(Line { arrives: RESTART * 1_000 + i as i64, message });
        }
    }

    fn line(&mut self, request: &Request<'_>) {
        let mut message = self.message("nginx.access", request);
        message.severity = Some(6);
        message.text("remote_addr", &request.client.address);
        message.text("remote_user", request.client.user.as_deref().unwrap_or("-"));
        message.text("request", format!("{} {} HTTP/2.0", request.method, request.path));
        message.text("method", request.method);
        message.text("uri", &request.path);
        message.number("status", f64::from(request.status), None);
        message.number("body_bytes_sent", request.bytes as f64, Some("B"));
        message.number("request_time", request.millis as f64 / 1_000.0, Some("s"));
        if !matches!(request.kind, Kind::Static) && request.status != 503 {
            let upstream = (request.millis - 1).max(0) as f64 / 1_000.0;
            message.number("upstream_response_time", upstream, Some("s"));
        }
        if let Some(referer) = &request.referer {
            message.text("http_referer", referer);
        }
        message.text("http_user_agent", request.client.user_agent);
        self.push(message, request);
    }

    fn error_line(&mut self, request: &Request<'_>) {
        let what = match request.status {
            502 => "connect() failed (111: Connection refused) while connecting to upstream",
            503 => "no live upstreams while connecting to upstream",
            _ => "upstream timed out (110: Connection timed out) while reading response header from upstream",
        };
        let mut message = self.message("nginx.error", request);
        message.severity = Some(3);
        let (address, method, path) = (&request.client.address, request.method, &request.path);
        let text = format!(
            "{what}, client: {address}, server: www.example.com, request: \"{method} {path} HTTP/2.0\""
        );
        message.payload = Some(text.into_bytes());
        message.field("connection", None, FieldValues::Integer(vec![400_000 + request.ends / 911]));
        self.push(message, request);
    }

    fn message(&mut self, type_: &'static str, request: &Request<'_>) -> Message {
        Message {
            uuid: self.random.uuid(),
            timestamp: START * SECOND + request.ends * 1_000_000,
            type_: Some(type_),
            logger: Some("input.nginx"),
            pid: Some(1_200 + request.client.host as i32),
            hostname: Some(HOSTS[request.client.host].to_owned()),
            ..Message::default()
        }
    }

    /// Lines reach the pipeline in batches of their host's shipper, so those of different hosts are interleaved
    /// out of order by up to two seconds.
    fn push(&mut self, message: Message, request: &Request<'_>) {
        let host = request.client.host as i64;
        let batch = 1_000 + 250 * host;
        let mut arrives = (request.ends / batch + 1) * batch;
        let second = request.ends / 1_000;
        if request.client.host == STALL_HOST && (STALL.0..STALL.1).contains(&second) {
            arrives = STALL.1 * 1_000;
        }
        // What ends after the six hours is not in the capture.
        if arrives <= HOURS * 3_600_000 {
            self.lines.push(Line { arrives, message });
        }
    }
}

/// How bad it is for a host at a second, 0 to 1: the incident ramps up in five minutes and is over in two. The
/// other hosts feel a little of it, as they take over users.
fn trouble(host: usize, second: i64) -> f64 {
    if !(INCIDENT.0..INCIDENT.1).contains(&second) {
        return 0.0;
    }
    let ramp_up = (second - INCIDENT.0) as f64 / 300.0;
    let ramp_down = (INCIDENT.1 - second) as f64 / 120.0;
    let res = ramp_up.min(ramp_down).min(1.0);
    if host == INCIDENT_HOST { res } else { res * 0.04 }
}
