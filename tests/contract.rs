//! What every store must do, on whichever engine it stands: suites over the domain's ports, one per feature.
//!
//! A test of a suite is an async function over [`Stores`]; [`every_suite`] makes a named test of each for a backend.

use std::sync::Arc;

use async_trait::async_trait;
use symbolon_domain::{
    accounts::{AccountState, AccountStore},
    api_keys::ApiKeyStore,
    audit::AuditStore,
    device_tokens::DeviceTokenStore,
    id::AccountId,
    invitations::InvitationStore,
    licenses::LicenseStore,
    one_time_codes::OneTimeCodeStore,
    outbox::OutboxStore,
    passwords::PasswordStore,
    recovery::RecoveryStore,
    sealing::{PepperStore, ResealStore},
    sessions::SessionStore,
    sign_in::SignInStore,
    sign_up::SignUpStore,
    signing_keys::SigningKeyStore,
    sweeper::SweepStore,
};

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod device_tokens;
pub(crate) mod given;
pub(crate) mod invitations;
pub(crate) mod licenses;
pub(crate) mod one_time_codes;
pub(crate) mod outbox;
pub(crate) mod passwords;
pub(crate) mod recovery;
pub(crate) mod sealing;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod sign_up;
pub(crate) mod signing_keys;
pub(crate) mod sweeper;

/// Every port of one store that was empty when the test began.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) api_keys: Arc<dyn ApiKeyStore>,
    pub(crate) licenses: Arc<dyn LicenseStore>,
    pub(crate) device_tokens: Arc<dyn DeviceTokenStore>,
    pub(crate) invitations: Arc<dyn InvitationStore>,
    pub(crate) sign_ups: Arc<dyn SignUpStore>,
    pub(crate) sign_ins: Arc<dyn SignInStore>,
    pub(crate) codes: Arc<dyn OneTimeCodeStore>,
    pub(crate) recoveries: Arc<dyn RecoveryStore>,
    pub(crate) passwords: Arc<dyn PasswordStore>,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) signing_keys: Arc<dyn SigningKeyStore>,
    pub(crate) outbox: Arc<dyn OutboxStore>,
    pub(crate) audit: Arc<dyn AuditStore>,
    pub(crate) peppers: Arc<dyn PepperStore>,
    pub(crate) sealed: Arc<dyn ResealStore>,
    pub(crate) sweeper: Arc<dyn SweepStore>,
    pub(crate) backdoor: Arc<dyn Backdoor>,
}

/// What no port does, done to the engine directly.
#[async_trait]
pub(crate) trait Backdoor: Send + Sync {
    /// Gives an account this state.
    async fn set_state(&self, account: AccountId, state: AccountState);

    /// Locks an account, and leaves its epoch as it is.
    async fn lock(&self, account: AccountId) {
        self.set_state(account, AccountState::Locked).await;
    }
}

/// A test of each function of one suite.
macro_rules! suite {
    ($open:path, $feature:ident: $($name:ident,)+) => {
        mod $feature {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    let opened = $open().await;
                    $crate::contract::$feature::$name(&opened.stores).await;
                }
            )+
        }
    };
}

/// Every suite for one backend; `$open` is an async function that gives a struct with an empty store's `stores`.
macro_rules! every_suite {
    ($open:path) => {
        $crate::contract::suite! { $open, accounts:
            an_account_is_found_as_it_was_made,
            an_account_is_found_by_its_address_however_it_is_typed,
            an_unknown_account_is_not_found,
            a_name_is_set_and_taken_away,
            a_name_that_would_be_refused_now_is_still_read,
            nothing_is_written_about_an_account_that_is_not_there,
            the_standing_of_many_accounts_is_read_at_once,
            accounts_are_listed_newest_first_page_by_page,
            a_page_that_is_just_full_is_the_last,
            names_set_at_once_are_all_written_and_one_stays,
            each_change_is_written_with_its_event,
            a_lock_ends_the_sessions_and_an_unlock_revives_none,
            an_unlock_forgets_the_failures,
            a_compromised_account_is_neither_locked_nor_unlocked,
            what_is_refused_or_so_already_writes_nothing,
            the_last_superuser_stays,
            a_superuser_who_may_not_sign_in_is_no_other_one,
            of_many_who_take_all_superusers_away_one_is_refused,
            of_many_locks_at_once_one_is_written,
        }
        $crate::contract::suite! { $open, invitations:
            an_invitation_is_found_as_it_was_written,
            only_its_token_finds_an_invitation,
            a_taken_address_is_not_invited,
            writing_tells_whether_there_is_a_superuser,
            redeeming_makes_the_account_with_its_address_role_and_password,
            an_invitation_is_redeemed_once,
            of_many_redemptions_one_wins,
            of_many_invitations_of_one_address_one_is_redeemed,
            an_invitation_ends_at_its_very_end,
            redeeming_ends_the_sign_ups_and_invitations_of_the_address,
            a_sign_up_that_was_verified_first_ends_the_invitation,
            of_a_sign_up_and_an_invitation_at_once_one_wins,
            a_second_invitation_replaces_the_first,
            of_many_invitations_at_once_one_is_left,
            an_invitation_to_a_higher_role_is_not_replaced,
            invitations_that_count_are_listed_newest_first,
            a_withdrawn_invitation_is_over,
            of_a_redemption_and_a_withdrawal_one_wins,
            an_invitation_falls_with_its_writer,
            redeeming_forgets_the_failures,
        }
        $crate::contract::suite! { $open, sign_up:
            a_sign_up_is_found_until_it_is_completed,
            an_address_is_taken_from_the_completion_on,
            the_account_is_made_of_the_verified_row,
            what_caused_a_message_is_written_with_it,
            a_code_completes_once,
            another_code_completes_nothing_and_costs_nothing,
            a_replaced_code_completes_nothing,
            a_code_ends_at_its_very_end,
            a_sign_up_ends_at_its_very_end,
            verifying_one_ends_the_others_of_its_address,
            of_many_completions_of_one_sign_up_one_wins,
            of_many_sign_ups_of_one_address_one_wins,
            a_sign_up_begun_before_another_was_verified_finds_its_address_taken,
            no_code_opens_a_decoy,
            an_address_has_ten_sign_ups_in_its_window,
            of_many_sign_ups_for_the_last_slot_one_begins,
            a_right_guess_is_paid_back,
        }
        $crate::contract::suite! { $open, sign_in:
            the_next_attempt_waits_for_its_pause,
            ten_failures_close_the_sign_in,
            failures_are_counted_per_address,
            a_hundred_failures_are_the_most,
            an_attempt_that_was_not_judged_is_given_back,
            of_many_attempts_at_once_one_is_let_through,
            a_candidate_is_found_by_its_address,
            a_right_first_factor_forgets_the_failures,
            nothing_begins_for_an_account_that_may_not_be_used,
            a_fresh_hash_replaces_the_one_that_was_verified,
            a_hash_that_was_changed_meanwhile_stays,
            a_refusal_writes_its_event_and_its_notice,
            a_sign_in_is_found_until_it_is_completed,
            completing_writes_the_session_and_touches_what_was_used,
            a_code_completes_once,
            what_does_not_fit_completes_nothing_and_costs_nothing,
            a_replaced_code_completes_nothing,
            a_code_ends_at_its_very_end,
            a_sign_in_ends_at_its_very_end,
            an_account_locked_meanwhile_is_not_signed_in_to,
            of_many_completions_one_wins,
            a_right_guess_is_paid_back,
        }
        $crate::contract::suite! { $open, recovery:
            a_recovery_is_found_until_it_is_completed,
            what_a_recovery_says_is_written_with_it,
            an_address_has_five_recoveries_in_its_window,
            of_many_recoveries_for_the_last_slot_one_begins,
            of_a_thousand_guesses_at_a_recovery_five_are_judged,
            a_recovery_sets_the_password_and_ends_every_session,
            a_recovery_forgets_the_failures,
            a_recovery_opens_a_compromised_account,
            a_locked_account_is_not_recovered,
            a_secret_sets_one_password,
            what_does_not_fit_recovers_nothing_and_costs_nothing,
            a_recovery_ends_at_its_very_end,
            a_recovery_ends_what_was_begun_before,
            of_many_redemptions_of_one_recovery_one_wins,
            of_many_recoveries_of_one_account_one_wins,
            a_right_guess_at_a_recovery_is_paid_back,
        }
        $crate::contract::suite! { $open, passwords:
            a_new_password_ends_the_other_sessions,
            a_password_is_replaced_only_in_its_place,
            only_a_live_session_of_ones_own_is_kept,
            a_new_password_forgets_the_failures,
            a_new_password_ends_what_was_begun_before,
            of_many_changes_over_one_password_one_wins,
        }
        $crate::contract::suite! { $open, one_time_codes:
            a_paid_guess_gets_the_code_to_compare,
            a_ceremony_has_five_guesses,
            of_a_thousand_guesses_at_once_five_are_judged,
            guesses_are_judged_until_the_codes_very_end,
            a_ceremony_is_gone_at_its_very_end,
            there_is_nothing_to_guess_at_in_an_unknown_ceremony,
            a_refused_guess_costs_nothing,
            an_account_has_twenty_failures_in_a_day,
            failures_are_counted_per_owner,
            of_many_guesses_for_the_last_failure_one_is_judged,
            only_the_ceremony_that_took_a_slot_gives_it_back,
            a_budget_of_nothing_lets_nothing_through,
            a_new_code_takes_the_place_of_the_old_one,
            a_resend_does_not_renew_the_guesses,
            a_resend_waits_for_its_interval,
            an_owner_has_five_resends_in_the_window,
            a_refused_resend_changes_nothing,
            nothing_is_sent_again_in_a_ceremony_that_is_over,
            of_many_resends_at_once_one_is_sent,
        }
        $crate::contract::suite! { $open, sessions:
            a_session_is_found_as_it_was_written,
            an_unknown_session_is_not_found,
            one_session_is_revoked_and_stays_so,
            a_session_is_revoked_only_for_its_account,
            a_session_that_has_ended_stays_as_it_ended,
            a_session_that_ends_itself_takes_api_keys_along,
            no_key_outlives_the_session_that_ends_itself,
            all_sessions_end_with_the_epoch,
            all_others_end_and_the_one_that_asks_goes_on,
            what_has_ended_is_not_revived,
            somebody_elses_session_is_not_kept,
            epochs_count_every_revocation,
            nothing_is_revoked_for_an_unknown_account,
            sessions_are_listed_newest_first_ended_ones_included,
            the_sessions_of_a_locked_account_are_over,
            a_live_token_is_rotated,
            a_successor_ends_with_its_session,
            the_idle_limit_is_judged_at_its_very_end,
            the_absolute_limit_is_judged_at_its_very_end,
            a_revoked_session_is_not_refreshed,
            an_unknown_token_is_refused,
            a_wrong_secret_reveals_and_revokes_nothing,
            another_client_is_refused_and_changes_nothing,
            without_bindings_any_client_refreshes,
            of_many_presentations_without_grace_one_wins_and_the_family_ends,
            of_many_presentations_within_the_grace_two_win,
            a_used_token_is_accepted_once_more_within_the_grace,
            a_used_token_ends_the_family_at_the_end_of_the_grace,
            a_used_token_is_refused_once_its_successor_is_used,
            a_third_presentation_changes_nothing,
            the_first_sibling_refreshed_retires_the_other,
            a_retired_sibling_ends_the_family_after_the_grace,
            the_grace_of_a_retired_sibling_begins_with_its_retirement,
            without_grace_a_used_token_ends_the_family,
            a_used_token_shown_by_another_client_ends_the_family,
            the_end_of_a_family_ends_its_newest_token,
            reuse_in_one_session_leaves_the_others,
        }
        $crate::contract::suite! { $open, api_keys:
            a_key_is_found_as_it_was_issued,
            an_unknown_key_is_not_found,
            a_key_is_issued_to_an_active_owner_with_its_role_only,
            a_key_is_issued_in_a_session_that_stands_only,
            one_key_is_revoked_and_stays_so,
            a_key_is_revoked_for_its_owner_only,
            a_key_that_has_ended_stays_as_it_ended,
            all_keys_end_with_the_epoch,
            no_keys_are_revoked_for_an_unknown_owner,
            epochs_of_keys_count_every_revocation,
            keys_end_with_their_owners_rights,
            keys_are_listed_newest_first_ended_ones_included,
            a_last_use_moves_forwards_only,
            an_owner_has_so_many_live_keys,
            a_limit_may_be_nothing_or_none,
            a_revoked_key_gives_its_slot_back,
            the_slots_of_all_keys_are_free_when_all_have_ended,
            a_refreshed_key_keeps_its_slot,
            a_slot_is_free_at_the_end_of_its_family,
            a_rotation_moves_only_its_own_slot,
            a_family_that_reuse_has_ended_gives_its_slot_back,
            of_many_keys_issued_at_once_so_many_are_written,
            of_many_keys_for_a_slot_that_is_given_back_one_is_written,
            a_live_key_is_rotated,
            a_refresh_token_ends_at_its_very_end,
            a_refresh_token_counts_from_its_very_beginning,
            a_family_ends_at_its_very_end,
            an_ended_key_is_not_refreshed,
            an_unknown_key_is_not_refreshed,
            what_does_not_fit_reveals_and_revokes_nothing,
            a_key_without_a_refresh_token_is_not_refreshed,
            a_bound_key_is_refreshed_inside_its_binding_only,
            a_key_that_ends_while_it_is_refreshed_has_ended,
            what_meets_at_one_owner_is_all_carried_out,
            of_many_presentations_without_grace_one_wins_and_the_family_ends,
            of_many_presentations_within_the_grace_two_win,
            of_two_siblings_refreshed_at_once_one_wins,
            a_used_token_is_accepted_once_more_within_the_grace,
            a_used_token_ends_the_family_at_the_end_of_the_grace,
            a_used_token_is_refused_once_its_successor_is_used,
            a_third_presentation_changes_nothing,
            the_first_sibling_refreshed_retires_the_other,
            a_retired_sibling_ends_the_family_after_the_grace,
            without_grace_a_used_token_ends_the_family,
            a_used_token_shown_from_elsewhere_ends_the_family,
            the_end_of_a_family_ends_its_newest_key,
            reuse_in_one_family_leaves_the_others,
            reuse_after_the_end_of_the_newest_key_is_detected_once,
        }
        $crate::contract::suite! { $open, licenses:
            a_license_is_found_as_it_was_granted,
            the_best_license_ends_last,
            what_does_not_count_is_not_held,
            a_license_is_revoked_and_stays_so,
            of_many_revocations_of_a_license_the_first_stays,
            licenses_are_listed_newest_first_page_by_page,
        }
        $crate::contract::suite! { $open, device_tokens:
            a_request_is_paid_for_and_judged,
            a_request_has_five_guesses,
            of_a_thousand_guesses_at_a_request_five_are_judged,
            a_request_ends_at_its_very_end,
            a_newer_request_takes_the_place_of_an_older_one,
            of_many_requests_of_one_device_one_is_left,
            a_request_of_a_slower_clock_takes_its_place,
            a_user_has_five_requests_in_the_window,
            a_claim_is_written_once,
            of_many_claims_of_one_request_one_wins,
            a_claim_takes_the_place_of_the_devices_token,
            nothing_is_claimed_for_a_closed_account,
            a_token_is_claimed_in_a_session_that_stands_only,
            device_tokens_end_with_their_accounts_rights,
            device_tokens_end_with_their_license,
            a_token_is_exchanged_once,
            of_many_exchanges_of_one_token_one_wins,
            only_a_token_that_counts_is_exchanged,
            a_device_token_is_revoked,
            device_tokens_are_listed_newest_first_while_they_count,
            a_license_has_so_many_seats,
            a_seat_is_free_at_the_end_of_its_token,
            a_device_keeps_its_seat,
            a_seat_of_the_license_before_is_given_back,
            a_revoked_token_gives_its_seat_back,
            of_many_claims_at_once_as_many_win_as_there_are_seats,
        }
        $crate::contract::suite! { $open, signing_keys:
            there_are_no_keys_at_first,
            a_key_is_found_as_it_was_written,
            only_the_first_key_is_a_first_key,
            of_many_first_keys_one_is_written,
            the_next_key_is_written_with_the_end_of_the_one_before,
            a_key_follows_the_newest_only,
            a_rotation_does_not_put_off_an_end,
            of_many_next_keys_one_is_written,
            a_key_is_retired_at_once,
            nothing_is_retired_without_a_substitute,
            of_two_that_retire_each_others_substitute_one_stays,
            a_key_is_deleted_when_it_has_retired,
        }
        $crate::contract::suite! { $open, outbox:
            a_message_is_leased_as_it_was_written,
            messages_are_leased_in_the_order_in_which_they_are_due,
            nobody_gets_a_message_that_is_held,
            a_lease_ends_at_its_very_end,
            of_many_workers_each_message_has_one,
            a_finished_message_is_never_leased_again_and_forgets_its_content,
            a_dropped_message_keeps_its_reason_and_writes_its_event,
            a_message_is_finished_only_by_its_holder,
            a_late_report_counts_while_nobody_else_has_taken_over,
            of_many_reports_one_counts,
            a_postponed_message_waits_for_its_next_attempt,
            a_message_is_postponed_only_by_its_holder,
            expired_messages_are_leased_too,
            a_waiting_message_is_made_due,
            a_message_in_a_workers_hands_is_not_made_due,
            a_message_that_has_ended_is_not_made_due,
            an_unknown_message_is_not_made_due,
            of_many_workers_one_gets_a_message_that_is_made_due,
            messages_are_listed_newest_first_page_by_page,
            an_unknown_message_is_not_found,
            the_backlog_is_what_is_pending,
            a_message_ends_the_wait,
            the_wait_ends_without_a_message,
            a_message_that_came_before_the_wait_ends_it,
            a_message_that_only_accounts_get_wakes_nobody,
        }
        $crate::contract::suite! { $open, audit:
            an_event_is_read_as_it_was_written,
            an_event_is_written_once,
            events_are_listed_newest_first_page_by_page,
            of_many_writers_of_one_event_one_writes_it,
            events_are_found_by_account_act_and_outcome,
            a_time_is_half_open_to_the_microsecond,
            a_filter_finds_what_is_rare_page_by_page,
        }
        $crate::contract::suite! { $open, sweeper:
            what_still_counts_is_not_swept,
        }
        $crate::contract::suite! { $open, sealing:
            the_first_pepper_of_a_name_stays,
            peppers_of_different_names_do_not_meet,
            of_many_first_peppers_one_stays,
            everything_sealed_is_found_page_by_page,
            sealed_bytes_are_replaced_where_they_are_unchanged,
            of_many_who_seal_anew_one_does,
        }
    };
}

/// What a store must do whose engine does not delete what has expired.
macro_rules! sweeping {
    ($open:path) => {
        mod sweeping {
            $crate::contract::suite! { $open, sweeper:
                what_has_ended_is_swept_when_its_time_is_over,
                keys_are_swept_when_the_time_of_their_family_is_over,
                device_tokens_are_swept_when_their_time_is_over,
                a_step_takes_so_much_of_each_kind_and_no_more,
                of_many_nodes_one_sweeps,
                another_takes_over_when_the_lease_has_ended,
                whoever_holds_the_lease_prolongs_it,
            }
        }
    };
}

pub(crate) use {every_suite, suite, sweeping};
