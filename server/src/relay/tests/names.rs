//! A name server with a few records; what it does not have does not exist.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// A name server. Records are `name TYPE data`; `name FAIL` answers with SERVFAIL.
pub(super) struct Names {
    pub(super) address: SocketAddr,
    records: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Names {
    pub(super) async fn start(records: &[&str]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let address = socket.local_addr().expect("address");
        let records: Vec<String> = records.iter().map(ToString::to_string).collect();
        let (records, mut task) = (Arc::new(Mutex::new(records)), JoinSet::new());
        let known = Arc::clone(&records);
        task.spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
                let Some(answer) = answer(&buffer[..len], &known) else { continue };
                let _ = socket.send_to(&answer, from).await;
            }
        });
        Self { address, records, _task: task }
    }

    /// Replaces all records.
    pub(super) fn set(&self, records: &[&str]) {
        let records = records.iter().map(ToString::to_string).collect();
        *self.records.lock().unwrap_or_else(PoisonError::into_inner) = records;
    }
}

fn answer(question: &[u8], records: &Mutex<Vec<String>>) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let query = question.queries.first()?.clone();
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_available = true;
    answer.add_query(query.clone());
    let name = query.name().to_ascii().to_lowercase();
    let name = name.trim_end_matches('.');
    let records = records.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut exists = false;
    for record in &records {
        let mut words = record.split_whitespace();
        let (owner, kind, data) = (words.next()?, words.next()?, words.collect::<Vec<_>>());
        exists |= owner == name || owner.ends_with(&format!(".{name}"));
        if owner == name && kind == "FAIL" {
            answer.metadata.response_code = ResponseCode::ServFail;
        }
        if owner == name
            && let Some(data) = data_of(kind, &data)
        {
            let is_asked = data.record_type() == query.query_type();
            if is_asked || data.record_type() == RecordType::CNAME {
                answer.add_answer(Record::from_rdata(query.name().clone(), 300, data));
            }
        }
    }
    if !exists {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    answer.to_vec().ok()
}

fn data_of(kind: &str, data: &[&str]) -> Option<RData> {
    let name = |text: &str| Name::from_ascii(text).expect("a name");
    Some(match (kind, data) {
        ("A", [address]) => RData::A(A(address.parse().expect("IPv4"))),
        ("AAAA", [address]) => RData::AAAA(AAAA(address.parse().expect("IPv6"))),
        ("CNAME", [target]) => RData::CNAME(CNAME(name(target))),
        ("MX", [preference, host]) => {
            RData::MX(MX::new(preference.parse().expect("a number"), name(host)))
        }
        ("TXT", words) => RData::TXT(TXT::new(vec![words.join(" ")])),
        _ => return None,
    })
}
