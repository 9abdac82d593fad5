//! The LMTP scripts of `transcripts/lmtp/`, each a test named for what it shows.

tests::transcripts! { lmtp:
    a_full_mailbox_is_refused_by_itself,
    a_refused_message_is_refused_for_each,
    chunks_are_answered_for_each,
    dead_recipients_do_not_end_the_connection,
    each_recipient_is_answered_for,
    without_recipients_there_is_no_data,
}
