//! Large messages fetched in slices, as Apple Mail and Thunderbird do it: the slices, from whatever
//! message and in whatever order, add up to what was appended.

use tests::server::TestServer;

const ALICE: &str = "alice@example.test";
const SLICE: usize = 60_000;

fn message(seed: usize) -> Vec<u8> {
    let mut message = format!("Subject: number {seed}\r\n\r\n").into_bytes();
    for line in 0..4000 {
        message.extend_from_slice(
            format!("line {line} of {seed}: {:x}\r\n", line * 7919 * seed).as_bytes(),
        );
    }
    message
}

#[test]
fn slices_of_several_messages_in_turn_add_up_to_each() {
    let server = TestServer::start();
    let mut imap = server.imap(ALICE);
    let messages = [message(1), message(2)];
    for message in &messages {
        imap.append("INBOX", "", message).expect("an answer").ok().expect("appended");
    }
    imap.command("SELECT INBOX").expect("an answer").ok().expect("selected");
    let mut fetched = [Vec::new(), Vec::new()];
    for start in (0..messages[0].len().max(messages[1].len())).step_by(SLICE) {
        for (uid, whole) in (1..).zip(&mut fetched) {
            let item = format!("BODY.PEEK[]<{start}.{SLICE}>");
            let answer = imap.command(&format!("UID FETCH {uid} ({item})")).expect("an answer");
            let answer = answer.ok().expect("fetched");
            let response = answer.untagged.first().expect("one response");
            let literal = response.iter().position(|octet| *octet == b'\n').expect("a literal");
            let end = response.len() - ")\r\n".len();
            whole.extend_from_slice(&response[literal + 1..end]);
        }
    }
    assert!(fetched == messages, "the slices do not add up");
}
