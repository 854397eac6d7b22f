//! Telemetry pings of a few hundred clients over three days.
//!
//! Clients keep their channel, version, country and habits. Most documents arrive minutes after they were made, some
//! days late. Some arrive twice, because a client did not hear the answer; one client repeats a single document for
//! an hour. A dozen payloads are almost JSON. A few are megabytes. One message is stamped five years ahead: since
//! Hindsight's data clock never goes back, no ticker fires after it until the shutdown.

use std::io::Write;

use cepshim::message::FieldValues;
use serde_json::{Map, Value, json};

use super::{
    SECOND, Set,
    message::Message,
    random::{Random, uuid_text},
};

/// 2026-03-03T00:00:00Z.
const START: i64 = 1_772_496_000;
const DAYS: i64 = 3;
const DAY: i64 = 86_400;
const CLIENTS: usize = 640;

/// Position of the future message from the end of the stream, in messages.
const FUTURE_FROM_END: usize = 60;
/// 2031-03-05T00:00:00Z.
const FUTURE: i64 = 1_930_435_200;

/// `appUpdateChannel`, `normalizedChannel`, version, build id.
type Channel = (&'static str, &'static str, &'static str, &'static str);
/// Operating system, its version, architecture.
type System = (&'static str, &'static str, &'static str);
/// Country, locale, preferred search engine.
type Place = (&'static str, &'static str, &'static str);

const CHANNELS: &[(u32, Channel)] = &[
    (66, ("release", "release", "147.0.4", "20260223143210")),
    (9, ("release", "release", "146.0.1", "20260112091544")),
    (9, ("esr", "esr", "140.8.0", "20260216101512")),
    (8, ("beta", "beta", "148.0", "20260227170203")),
    (4, ("aurora", "aurora", "148.0", "20260226094851")),
    (5, ("nightly", "nightly", "149.0a1", "20260302214409")),
    (1, ("release-cck-example", "release", "145.0", "20251117082230")),
    (1, ("default", "Other", "149.0a1", "20260301000000")),
];

const SYSTEMS: &[(u32, System)] = &[
    (79, ("Windows_NT", "10.0", "x86-64")),
    (6, ("Windows_NT", "6.1", "x86")),
    (9, ("Darwin", "24.3.0", "aarch64")),
    (6, ("Linux", "6.12.9", "x86-64")),
];

const PLACES: &[(u32, Place)] = &[
    (27, ("US", "en-US", "google")),
    (12, ("DE", "de", "google")),
    (8, ("FR", "fr", "google")),
    (7, ("IN", "en-GB", "google")),
    (6, ("BR", "pt-BR", "google")),
    (6, ("RU", "ru", "yandex")),
    (6, ("PL", "pl", "google")),
    (5, ("CN", "zh-CN", "baidu")),
    (5, ("ID", "id", "google")),
    (4, ("GB", "en-GB", "google")),
    (3, ("JP", "ja", "yahoo-jp")),
    (2, ("IT", "it", "ecosia")),
    (9, ("??", "en-US", "google")),
];

const ACCESS_POINTS: &[(u32, &str)] =
    &[(60, "urlbar"), (14, "searchbar"), (12, "newtab"), (9, "abouthome"), (5, "contextmenu")];

/// Weight and docType of what a session sends besides its main pings.
const OTHERS: &[(u32, &str)] = &[
    (38, "event"),
    (22, "health"),
    (12, "crash"),
    (11, "modules"),
    (9, "update"),
    (5, "first-shutdown"),
    (2, "heartbeat"),
    (1, "deletion-request"),
];

/// Name, buckets' upper bounds, number of buckets it declares.
const HISTOGRAMS: &[(&str, &[u32], u32)] = &[
    ("CYCLE_COLLECTOR_MS", &[0, 3, 8, 20, 52, 133, 340], 50),
    ("GC_MS", &[0, 1, 3, 9, 27, 79, 232, 681], 50),
    ("GC_MARK_MS", &[1, 3, 8, 23, 66, 189], 20),
    ("INPUT_EVENT_RESPONSE_MS", &[1, 2, 4, 7, 13, 25, 47, 89], 100),
    ("MEMORY_TOTAL", &[131_072, 262_144, 524_288, 1_048_576, 2_097_152], 200),
    ("HTTP_PAGE_TLS_HANDSHAKE", &[5, 12, 30, 74, 183, 452], 50),
    ("FX_TAB_SWITCH_TOTAL_E10S_MS", &[4, 9, 21, 48, 110], 20),
    ("CACHE_DISK_SEARCH_2", &[0, 1, 2, 4, 9], 50),
    ("DNS_LOOKUP_TIME", &[0, 2, 7, 21, 63, 190], 50),
    ("A11Y_INSTANTIATED_FLAG", &[0, 1], 3),
];

const ADDONS: &[&str] = &[
    "Tab Groups",
    "Übersetzer",
    "翻訳ヘルパー",
    "Reader ✨",
    "Notes",
    "Password Safe",
    "Тёмная тема",
    "Color Picker",
];

struct Client {
    id: [u8; 16],
    channel: Channel,
    system: System,
    place: Place,
    memory: u32,
    searches_per_session: f64,
    addons: Vec<&'static str>,
    sessions: u32,
}

/// A document on its way: when it was made and when it is submitted, in seconds since `START`.
struct Document {
    created: i64,
    submitted: i64,
    doc_type: &'static str,
    id: [u8; 16],
    client: usize,
    payload: Vec<u8>,
}

struct Pings {
    random: Random,
    clients: Vec<Client>,
    documents: Vec<Document>,
}

/// The set.
pub fn set() -> Set {
    let mut pings = Pings { random: Random::stream(2), clients: Vec::new(), documents: Vec::new() };
    pings.clients = (0..CLIENTS).map(|_| client(&mut pings.random)).collect();
    pings.sessions();
    pings.large();
    pings.malformed();
    pings.duplicates();
    pings.documents.retain(|it| (0..DAYS * DAY).contains(&it.submitted));
    pings.documents.sort_by_key(|it| it.submitted);
    let future = pings.documents.len() - FUTURE_FROM_END;
    let documents = std::mem::take(&mut pings.documents);
    let messages = documents.iter().enumerate().map(|(i, document)| {
        let mut message = pings.message(document);
        if i == future {
            message.timestamp = FUTURE * SECOND;
        }
        message.record()
    });
    Set {
        name: "telemetry",
        file: "telemetry.hpb.zst",
        is_compressed: true,
        about: "telemetry pings, three days, with late, repeated, malformed and megabyte-sized documents",
        parameters: "days = 3\nclients = 640\nfuture_timestamps = 1\nmegabyte_payloads = 5\nmalformed_payloads = 14\nretry_storms = 1\n",
        records: messages.collect(),
    }
}

fn client(random: &mut Random) -> Client {
    let eager = random.unit();
    Client {
        id: random.uuid(),
        channel: random.weighted(CHANNELS),
        system: random.weighted(SYSTEMS),
        place: random.weighted(PLACES),
        memory: random.weighted(&[(20, 4_096), (45, 8_192), (30, 16_384), (5, 32_768)]),
        // Half of the clients hardly search, a few search all day.
        searches_per_session: 9.0 * eager * eager * eager,
        addons: (0..random.below(4)).map(|_| random.pick(ADDONS)).collect(),
        sessions: if random.chance(0.08) { 0 } else { random.between(4, 900) as u32 },
    }
}

impl Pings {
    fn sessions(&mut self) {
        for day in -1..DAYS {
            for client in 0..CLIENTS {
                let sessions = self.random.weighted(&[(35, 0), (40, 1), (18, 2), (7, 3)]);
                for _ in 0..sessions {
                    let start = day * DAY + self.random.between(0, DAY - 1);
                    self.session(client, start);
                }
            }
        }
    }

    fn session(&mut self, client: usize, start: i64) {
        let length = self.random.log_normal(2_400.0, 1.2).min(80_000.0) as i64;
        let end = start + length;
        self.clients[client].sessions += 1;
        if self.clients[client].sessions == 1 {
            let payload = self.small("new-profile", client, start);
            self.submit("new-profile", client, start, payload);
        }
        // A session that crosses midnight is reported in two parts.
        let midnight = start.div_euclid(DAY) * DAY + DAY;
        if end > midnight {
            self.main(client, midnight, "daily", midnight - start);
            self.main(client, end, "shutdown", end - midnight);
        } else {
            let reason =
                self.random.weighted(&[(8, "shutdown"), (1, "environment-change"), (1, "aborted-session")]);
            self.main(client, end, reason, length);
        }
        if self.random.chance(0.42) {
            let doc_type = self.random.weighted(OTHERS);
            let at = start + self.random.between(0, length);
            let payload = self.small(doc_type, client, at);
            self.submit(doc_type, client, at, payload);
        }
    }

    fn main(&mut self, client: usize, at: i64, reason: &str, length: i64) {
        let id = self.random.uuid();
        let payload = self.main_payload(id, client, at, reason, length);
        self.submit_as(id, "main", client, at, payload.to_string().into_bytes());
    }

    fn submit(&mut self, doc_type: &'static str, client: usize, created: i64, payload: Value) {
        let id = self.random.uuid();
        let mut payload = payload;
        payload["id"] = uuid_text(id).into();
        self.submit_as(id, doc_type, client, created, payload.to_string().into_bytes());
    }

    fn submit_as(
        &mut self,
        id: [u8; 16],
        doc_type: &'static str,
        client: usize,
        created: i64,
        payload: Vec<u8>,
    ) {
        let delay = match self.random.below(100) {
            0..72 => self.random.log_normal(4.0, 1.0) as i64,
            // Sent when the browser starts again.
            72..96 => self.random.log_normal(20_000.0, 0.8) as i64,
            _ => self.random.between(DAY, 2 * DAY),
        };
        self.documents.push(Document { created, submitted: created + delay, doc_type, id, client, payload });
    }

    fn main_payload(&mut self, id: [u8; 16], client: usize, at: i64, reason: &str, length: i64) -> Value {
        let random = &mut self.random;
        let of = &self.clients[client];
        let mut histograms = Map::new();
        for (name, bounds, bucket_count) in HISTOGRAMS {
            if random.chance(0.7) {
                histograms.insert((*name).to_owned(), histogram(random, bounds, *bucket_count));
            }
        }
        let mut searches = Map::new();
        let expected = of.searches_per_session * (length as f64 / 3_600.0).min(3.0);
        for (weight, access_point) in ACCESS_POINTS {
            let count = (random.log_normal(expected, 0.6) * f64::from(*weight) / 60.0) as u64;
            if count > 0 && random.chance(0.8) {
                let engine = if random.chance(0.9) {
                    of.place.2
                } else {
                    random.weighted(&[
                        (6, "bing"),
                        (4, "ddg"),
                        (2, "wikipedia"),
                        (2, "amazondotcom"),
                        (1, "other-Übung"),
                    ])
                };
                let sum = json!({"range": [1, 2], "bucket_count": 3, "histogram_type": 4, "values": {"0": count, "1": 0}, "sum": count});
                searches.insert(format!("{engine}.{access_point}"), sum);
            }
        }
        // Most pings have a few keys, one in a hundred has hundreds: sizes have a long tail.
        let mut handshakes = Map::new();
        for key in 0..random.log_normal(2.5, 1.5) as u32 {
            let (_, bounds, bucket_count) = HISTOGRAMS[key as usize % HISTOGRAMS.len()];
            handshakes.insert(format!("site{key:03}.example.com"), histogram(random, bounds, bucket_count));
        }
        let simple = json!({
            "activeTicks": length / 12, "blankWindowShown": random.log_normal(900.0, 0.5) as i64,
            "firstPaint": random.log_normal(1_400.0, 0.6) as i64, "main": random.between(8, 90),
            "sessionRestored": random.log_normal(2_600.0, 0.6) as i64, "totalTime": length, "uptime": length / 60,
        });
        let mut keyed = Map::new();
        keyed.insert("HANDSHAKE_BY_SITE".into(), Value::Object(handshakes));
        if !searches.is_empty() {
            keyed.insert("SEARCH_COUNTS".into(), Value::Object(searches));
        }
        let mut document = self.common("main", client, at);
        document["id"] = uuid_text(id).into();
        document["payload"] = json!({
            "ver": 4, "simpleMeasurements": simple,
            "info": {"reason": reason, "subsessionLength": length, "subsessionCounter": 1, "profileSubsessionCounter": self.clients[client].sessions, "timezoneOffset": 60},
            "histograms": histograms, "keyedHistograms": keyed,
            "processes": {"content": {"histograms": {}, "keyedHistograms": {}}},
        });
        document["environment"] = self.environment(client);
        document
    }

    fn common(&self, doc_type: &str, client: usize, at: i64) -> Value {
        let of = &self.clients[client];
        let (update_channel, _, version, build) = of.channel;
        json!({
            "type": doc_type, "id": "", "creationDate": date_time(START + at), "version": 4,
            "application": {"architecture": of.system.2, "buildId": build, "name": "Firefox", "version": version, "vendor": "Mozilla", "platformVersion": version, "channel": update_channel},
            "clientId": uuid_text(of.id),
        })
    }

    fn environment(&self, client: usize) -> Value {
        let of = &self.clients[client];
        let addons: Map<String, Value> = of
            .addons
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let addon = json!({"name": name, "version": format!("{}.{}", i + 1, name.len()), "userDisabled": false, "foreignInstall": i == 2, "type": "extension"});
                (format!("addon{}@example.com", name.len()), addon)
            })
            .collect();
        json!({
            "system": {"memoryMB": of.memory, "os": {"name": of.system.0, "version": of.system.1}, "cpu": {"count": of.memory / 2_048, "vendor": "GenuineIntel"}, "isWow64": of.system.2 == "x86"},
            "settings": {"locale": of.place.1, "defaultSearchEngine": of.place.2, "telemetryEnabled": true, "update": {"channel": of.channel.0, "enabled": true, "autoDownload": true}},
            "profile": {"creationDate": 20_510 - i64::from(of.sessions)},
            "addons": {"activeAddons": addons, "theme": {"id": "default-theme@mozilla.org", "version": "1.3"}},
        })
    }

    fn small(&mut self, doc_type: &'static str, client: usize, at: i64) -> Value {
        let mut document = self.common(doc_type, client, at);
        let random = &mut self.random;
        document["payload"] = match doc_type {
            "event" => {
                let count = random.between(3, 40);
                json!({"reason": "periodic", "processStartTimestamp": (START + at) * 1_000, "events": {"parent": events(random, count)}})
            }
            "crash" => json!({
                "crashDate": &date_time(START + at)[..10], "processType": random.weighted(&[(3, "main"), (6, "content"), (1, "gpu")]),
                "hasCrashEnvironment": true, "metadata": {"MozCrashReason": random.weighted(&[(4, ""), (2, "MOZ_RELEASE_ASSERT(ptr)"), (1, "out of memory")]), "OOMAllocationSize": random.below(1 << 20).to_string()},
            }),
            "health" => {
                json!({"os": {"name": self.clients[client].system.0}, "reason": "immediate", "sendFailure": {"timeout": random.between(0, 3), "eUnreachable": random.between(0, 9)}})
            }
            "modules" => {
                let modules: Vec<Value> = (0..random.between(20, 60))
                    .map(|i| json!({"name": format!("module{i:03}.dll"), "version": format!("10.0.{}.1", 19_041 + i % 3), "debugID": null, "certSubject": "Example Windows Publisher"}))
                    .collect();
                json!({"version": 1, "modules": modules})
            }
            "update" => {
                json!({"reason": "ready", "targetVersion": "148.0", "targetChannel": self.clients[client].channel.1, "updateUrl": "https://aus.example.com/update/148.0"})
            }
            "deletion-request" => json!({"reason": "upload-disabled"}),
            "heartbeat" => json!({"version": 1, "flowId": "flow-7", "score": random.between(1, 5)}),
            _ => json!({"reason": "startup", "info": {"subsessionLength": random.between(10, 900)}}),
        };
        document
    }

    /// Documents of one to five million bytes: a log that was never cut, a list of every module ever loaded.
    fn large(&mut self) {
        for (client, hour, doc_type, count) in [
            (7, 9, "event", 15_000),
            (21, 20, "event", 29_000),
            (88, 33, "modules", 11_000),
            (140, 41, "main", 21_000),
            (301, 58, "event", 60_000),
        ] {
            let created = hour * 3_600 + client as i64;
            let mut document = if doc_type == "main" {
                let id = [0; 16];
                self.main_payload(id, client, created, "shutdown", 86_000)
            } else {
                self.small(doc_type, client, created)
            };
            match doc_type {
                "event" => document["payload"]["events"]["parent"] = regular_events(count),
                "modules" => {
                    let modules = (0..count).map(|i| json!({"name": format!("module{:04}.dll", i % 600), "version": "10.0.19041.1", "debugID": null, "certSubject": "Example Windows Publisher"}));
                    document["payload"]["modules"] = Value::Array(modules.collect());
                }
                _ => {
                    let statements: Map<String, Value> = (0..count)
                        .map(|i| {
                            (format!("SELECT * FROM moz_places WHERE id = {i}"), json!([1, 100 + i % 7]))
                        })
                        .collect();
                    document["payload"]["slowSQL"] = json!({"mainThread": {}, "otherThreads": statements});
                }
            }
            let doc_type = if doc_type == "main" { "main" } else { doc_type };
            self.submit(doc_type, client, created, document);
            self.documents.last_mut().expect("one was just submitted").submitted = created + 5;
        }
    }

    /// Payloads that are almost JSON, as they come from broken disks, proxies and hands.
    fn malformed(&mut self) {
        let cut = |payload: &mut Vec<u8>, share: usize| payload.truncate(payload.len() * share / 100);
        let replace = |payload: &mut Vec<u8>, old: &str, new: &[u8]| {
            let at = payload
                .windows(old.len())
                .position(|it| it == old.as_bytes())
                .expect("the text is in every main ping");
            payload.splice(at..at + old.len(), new.iter().copied());
        };
        for kind in 0..14 {
            let client = self.random.below(CLIENTS as u64) as usize;
            let at = 7_200 + kind * 17_400;
            self.main(client, at, "shutdown", 1_800);
            let document = self.documents.last_mut().expect("one was just submitted");
            document.submitted = at + 3;
            let payload = &mut document.payload;
            match kind {
                0 => cut(payload, 60),
                1 => cut(payload, 97),
                2 => payload.truncate(1),
                3 => payload.clear(),
                4 => replace(payload, "\"GenuineIntel\"", b"\"Genuine\\xIntel\""),
                5 => replace(payload, "\"GenuineIntel\"", b"\"Genuine\\u12G4Intel\""),
                // Latin-1: not UTF-8, but cjson does not mind.
                6 => replace(payload, "\"GenuineIntel\"", b"\"Genuine\xefIntel \xe9\""),
                // An unpaired surrogate and an overlong form.
                7 => replace(payload, "\"GenuineIntel\"", b"\"\xed\xa0\x80 \xc0\xaf\""),
                8 => replace(payload, "\"GenuineIntel\"", b"\"Genuine\x00Intel\""),
                9 => replace(payload, "\"version\":4,", b"\"version\":4,,"),
                10 => replace(payload, "\"version\":4", b"\"version\":NaN"),
                11 => payload.extend_from_slice(b"}\n"),
                12 => *payload = payload.iter().flat_map(|&it| [it, 0]).collect(),
                _ => replace(
                    payload,
                    "\"processes\":",
                    format!("\"processes\":{}0{},\"x\":", "[".repeat(1_200), "]".repeat(1_200)).as_bytes(),
                ),
            }
        }
    }

    /// Documents that arrive again. The pipeline gives them a new Uuid; the documentId stays.
    fn duplicates(&mut self) {
        for i in 0..self.documents.len() {
            if self.random.chance(0.018) {
                let delay = self.random.weighted(&[(60, 30), (25, 1_800), (10, 20_000), (5, 90_000)]);
                let delay = self.random.between(delay / 3, delay);
                self.again(i, delay);
            }
        }
        // One client never accepts that its document has arrived.
        let second_day = (0..self.documents.len())
            .filter(|&it| self.documents[it].doc_type == "main" && self.documents[it].submitted > 30 * 3_600);
        let storm = second_day.min_by_key(|&it| self.documents[it].submitted);
        let storm = storm.expect("somebody sends a main ping on the second day");
        for i in 1..=45 {
            self.again(storm, i * 80);
        }
    }

    fn again(&mut self, index: usize, delay: i64) {
        let of = &self.documents[index];
        let document = Document { submitted: of.submitted + delay, payload: of.payload.clone(), ..*of };
        self.documents.push(document);
    }

    fn message(&mut self, document: &Document) -> Message {
        let of = &self.clients[document.client];
        let (update_channel, normalized_channel, version, build) = of.channel;
        let (id, client_id) = (uuid_text(document.id), uuid_text(of.id));
        let submitted = START + document.submitted;
        let doc_type = document.doc_type;
        let mut message = Message {
            uuid: self.random.uuid(),
            timestamp: submitted * SECOND + self.random.between(0, 999) * 1_000_000,
            type_: Some("telemetry"),
            logger: Some("telemetry"),
            severity: Some(6),
            payload: Some(document.payload.clone()),
            pid: Some(0),
            hostname: Some(format!("ingest{}.example.com", 1 + document.client % 2)),
            ..Message::default()
        };
        message.text(
            "uri",
            format!("/submit/telemetry/{id}/{doc_type}/Firefox/{version}/{update_channel}/{build}"),
        );
        message.text("documentId", id);
        message.text("docType", doc_type);
        message.text("clientId", client_id.as_str());
        message.text("appName", "Firefox");
        message.text("appVersion", version);
        message.text("appBuildId", build);
        message.text("appUpdateChannel", update_channel);
        message.text("normalizedChannel", normalized_channel);
        message.text("os", of.system.0);
        message.text("geoCountry", of.place.0);
        message.text("submissionDate", date_time(submitted)[..10].replace('-', ""));
        message.number("creationTimestamp", (START + document.created) as f64 * 1e9, Some("ns"));
        message.field("sampleId", None, FieldValues::Integer(vec![sample_id(&client_id)]));
        message.number("payloadSize", document.payload.len() as f64, Some("B"));
        message
    }
}

/// A hundredth of the clients each, always the same.
fn sample_id(client_id: &str) -> i64 {
    let mut crc = flate2::Crc::new();
    crc.update(client_id.as_bytes());
    i64::from(crc.sum() % 100)
}

fn histogram(random: &mut Random, bounds: &[u32], bucket_count: u32) -> Value {
    let mut values = Map::new();
    let mut sum = 0;
    let peak = random.below(bounds.len() as u64) as usize;
    for (i, &bound) in bounds.iter().enumerate() {
        let count = (random.log_normal(120.0, 0.8) as u32) >> (3 * i.abs_diff(peak));
        if count > 0 {
            values.insert(bound.to_string(), count.into());
            sum += u64::from(bound) * u64::from(count);
        }
    }
    json!({"range": [1, bounds[bounds.len() - 1] * 3], "bucket_count": bucket_count, "histogram_type": 0, "values": values, "sum": sum})
}

fn events(random: &mut Random, count: i64) -> Value {
    let mut at = 0;
    let mut next = |_| {
        at += random.between(50, 9_000);
        let (category, method, object) = random.weighted(&[
            (5, ("navigation", "search", "urlbar")),
            (3, ("uptake.remotecontent.result", "uptake", "remotesettings")),
            (2, ("addonsManager", "update", "extension")),
            (1, ("pictureinpicture", "create", "player")),
        ]);
        json!([at, category, method, object])
    };
    Value::Array((0..count).map(&mut next).collect())
}

/// Events that hardly differ, so that megabytes of them cost the repository little.
fn regular_events(count: u32) -> Value {
    let event = |i: u32| json!([i * 250, "uptake.remotecontent.result", "uptake", "remotesettings", "up_to_date", {"age": (i % 10).to_string()}]);
    Value::Array((0..count).map(event).collect())
}

/// RFC 3339 with milliseconds, as browsers write it.
fn date_time(seconds: i64) -> String {
    let mut res = Vec::new();
    let time = jiff::Timestamp::from_second(seconds).expect("the sample data is in this century");
    write!(res, "{time:.3}").expect("writing to memory does not fail");
    String::from_utf8(res).expect("times are ASCII")
}
