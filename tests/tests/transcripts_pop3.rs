//! The POP3 scripts of `transcripts/pop3/`, each a test named for what it shows.

tests::transcripts! { pop3:
    a_capability_is_hidden_from_some,
    a_maildrop_is_listed_and_read,
    auth_plain_and_login,
    capabilities_before_and_after_log_in,
    only_quit_removes_what_is_marked,
    passwords_wait_for_tls,
    pipelined_and_unknown_commands,
    several_sessions_read_one_maildrop,
}
