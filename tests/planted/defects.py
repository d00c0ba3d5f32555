"""The defects that are planted: what could go wrong with orders, limits and live data, and who sees it."""

from defect import Defect

LEDGER = "tests/ledger/test_ledger_contract.py"
DESK = "tests/trading/test_desk.py"
SEARCH = "tests/trading/test_reconcile.py"
OUTBOX = "tests/feed/test_outbox.py"
CLIENT = "tests/opend/test_opend_client.py"
CONNECTION = "tests/opend/test_connection.py"
ONE_TRANSACTION = (
    "tests/ledger/test_sqlite_file.py::"
    "test_a_reservation_has_the_write_lock_from_its_first_look_to_its_last_row"
)

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "one order more than the cap, SQLite",
        "gateway/ledger/sqlite_limit.py",
        "    if count < charge.cap:",
        "    if count <= charge.cap:",
        (f"{LEDGER}::TestRate",),
    ),
    Defect(
        "one order more than the cap, Redis",
        "gateway/ledger/lua/reserve.lua",
        "    if count >= rate.cap then",
        "    if count > rate.cap then",
        (f"{LEDGER}::TestRate",),
    ),
    Defect(
        "a millionth more than the day's cap",
        "gateway/ledger/sqlite_limit.py",
        "used + amount <= cap:",
        "used + amount <= cap + 1:",
        (f"{LEDGER}::TestDailyValue",),
    ),
    Defect(
        "a slot is free a microsecond early",
        "gateway/ledger/sqlite_limit.py",
        "    window_us = charge.window_s * MICROS\n",
        "    window_us = charge.window_s * MICROS - 1\n",
        (f"{LEDGER}::TestRate",),
    ),
    Defect(
        "the window is counted from its newest end",
        "gateway/ledger/sqlite_limit.py",
        "ORDER BY taken_us LIMIT 1 OFFSET ?",
        "ORDER BY taken_us DESC LIMIT 1 OFFSET ?",
        (f"{LEDGER}::TestRate",),
    ),
    Defect(
        "a clock that steps back opens the day anew",
        "gateway/ledger/sqlite_limit.py",
        "if row and row[0] >= day_us else",
        "if row and row[0] == day_us else",
        (f"{LEDGER}::TestDailyValue",),
    ),
    Defect(
        "at the moment of the reset it is still yesterday",
        "gateway/policy/hours.py",
        "max(start for start in starts if start <= now_s)",
        "max(start for start in starts if start < now_s)",
        ("tests/policy/test_hours.py::test_day_begins_at_the_reset",),
    ),
    Defect(
        "a rejection does not give the day's value back, SQLite",
        "gateway/ledger/sqlite.py",
        "        sqlite_limit.give_back(db, record.intent.key_id, record.debit)\n",
        "        pass\n",
        (f"{LEDGER}::TestDailyValue",),
    ),
    Defect(
        "a rejection does not give the day's value back, Redis",
        "gateway/ledger/lua/advance.lua",
        "if step.returned and",
        "if false and",
        (f"{LEDGER}::TestDailyValue",),
    ),
    Defect(
        "check and charge are two transactions",
        "gateway/ledger/sqlite.py",
        "    debit = sqlite_limit.charge(db, intent, charge, now_us)\n",
        '    for statement in ("COMMIT", "BEGIN IMMEDIATE", "SAVEPOINT step"):\n'
        "        db.execute(statement)\n"
        "    debit = sqlite_limit.charge(db, intent, charge, now_us)\n",
        (ONE_TRANSACTION,),
    ),
    Defect(
        "limits are checked before the write lock is had",
        "gateway/ledger/sqlite.py",
        "        run = self._file.read if dry_run else self._file.write\n",
        "        looked = self._file.read(lambda db: _reserve(db, intent, charge, to_us(now_s), True))\n"
        "        if isinstance(looked, Exceeded):\n"
        "            return looked\n"
        "        rate, daily = charge.rate, charge.daily\n"
        "        rate = rate and replace(rate, cap=rate.cap * 2)\n"
        "        daily = daily and replace(daily, cap=daily.cap * 2)\n"
        "        charge = replace(charge, rate=rate, daily=daily)\n"
        "        run = self._file.read if dry_run else self._file.write\n",
        (
            "tests/ledger/test_ledger_processes.py::"
            "test_two_hundred_orders_of_four_processes_against_a_cap_of_fifty_give_exactly_fifty",
        ),
    ),
    Defect(
        "a transaction has no write lock from the beginning",
        "gateway/ledger/sqlite_file.py",
        'partial(self._do, "BEGIN IMMEDIATE")',
        'partial(self._do, "BEGIN")',
        (ONE_TRANSACTION,),
    ),
    Defect(
        "the same intent is charged twice, Redis",
        "gateway/ledger/lua/reserve.lua",
        "if redis.call('EXISTS', intent) == 1 then",
        "if redis.call('EXISTS', intent) == 2 then",
        (f"{LEDGER}::TestIntent",),
    ),
    Defect(
        "the script of Redis does not look at the kill switch",
        "gateway/ledger/lua/reserve.lua",
        "for _, check in ipairs({'halted', 'reducing'}) do",
        "for _, check in ipairs({'reducing'}) do",
        (f"{LEDGER}::TestTradingState",),
    ),
    Defect(
        "the kill switch is read once only",
        "gateway/ledger/sqlite.py",
        "def _trading_state(db: Connection, key_id: str)",
        "@__import__('functools').cache\ndef _trading_state(db: Connection, key_id: str)",
        (f"{LEDGER}::TestTradingState",),
    ),
    Defect(
        "a caller's packet or key is taken for another body",
        "gateway/web/replay.py",
        "        if earlier.body_hash != claim.body_hash:",
        "        if False:",
        ("tests/web/test_replays.py::test_another_body_is_422",),
    ),
    Defect(
        "an intent that another request sends is sent again",
        "gateway/trading/desk.py",
        "        if not decision.is_new:",
        "        if False:",
        (f"{DESK}::TestPlace::test_one_intent_is_sent_by_one_request",),
    ),
    Defect(
        "an order without an answer is sent again",
        "gateway/opend/client.py",
        "            if is_late or not call.travel.is_repeated or not _is_cut_off(error):",
        "            if is_late or not _is_cut_off(error):",
        (f"{CLIENT}::test_a_write_without_a_clear_answer_is_unknown_and_never_sent_twice",),
    ),
    Defect(
        "an order that OpenD failed at counts as not sent",
        "gateway/opend/client.py",
        "            except (SentOutcomeUnknown, ReplyUnusable, OpenDFailed) as error:",
        "            except (SentOutcomeUnknown, ReplyUnusable) as error:",
        (f"{CLIENT}::test_a_write_without_a_clear_answer_is_unknown_and_never_sent_twice",),
    ),
    Defect(
        "an order goes out after its time",
        "gateway/opend/connection.py",
        "        if not (outgoing.written or outgoing.may_begin(self._clock.monotonic_s())):",
        "        if False:",
        (
            f"{CONNECTION}::test_no_first_byte_is_written_after_the_deadline_however_the_process_was_stopped",
            f"{CONNECTION}::test_no_first_byte_is_written_where_the_fence_says_no",
        ),
    ),
    Defect(
        "a lease that lapsed and came back lets old orders go out",
        "gateway/ledger/lease.py",
        "if self.is_live and self._term == term else OVER",
        "if self.is_live else OVER",
        ("tests/ledger/test_lease.py",),
    ),
    Defect(
        "the audit hears of an order after it was sent",
        "gateway/trading/desk.py",
        "        self._announce(intent_id, peculiarity, trail)\n"
        "        late = _LateAnswer(self.settlements, intent_id, trail)\n"
        "        try:\n"
        "            response = self._send_before(deadline_s, protocol, request, cleared.fence, late)\n",
        "        late = _LateAnswer(self.settlements, intent_id, trail)\n"
        "        try:\n"
        "            response = self._send_before(deadline_s, protocol, request, cleared.fence, late)\n"
        "            self._announce(intent_id, peculiarity, trail)\n",
        (f"{DESK}::TestPlace",),
    ),
    Defect(
        "the audit's line of an order need not be on disk",
        "gateway/trading/audit_trail.py",
        "self._write(AuditKind.SENDING, durable=True, decision=ALLOWED)",
        "self._write(AuditKind.SENDING, decision=ALLOWED)",
        (f"{DESK}::TestPlace::test_the_audit_is_on_disk_before_the_order_goes_out",),
    ),
    Defect(
        "two processes write the audit at once",
        "gateway/audit/log.py",
        "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        ("tests/audit/test_audit_log.py::test_four_processes_at_once_make_one_chain",),
    ),
    Defect(
        "the search for unknown orders finds nothing",
        "gateway/trading/resolution.py",
        "    if is_signed(intent):\n        return True\n",
        "    if is_signed(intent):\n        return False\n",
        (f"{SEARCH}::TestPlaced",),
    ),
    Defect(
        "one look is enough to call an order absent",
        "gateway/trading/reconcile.py",
        "        if asked_s - first_s >= ABSENT_TWICE_S:",
        "        if asked_s >= first_s:",
        (f"{SEARCH}::TestPlaced",),
    ),
    Defect(
        "two events have one number",
        "gateway/feed/outbox.py",
        "        self.seq += len(batch)\n",
        "        self.seq += max(1, len(batch) - 1)\n",
        (OUTBOX,),
    ),
    Defect(
        "a trade event is left out for a slow socket",
        "gateway/feed/outbox.py",
        "            if message.stream is None or newest[message.stream] == index:",
        "            if newest[message.stream] == index:",
        (OUTBOX,),
    ),
    Defect(
        "a gap is not announced",
        "gateway/feed/outbox.py",
        "            parts.append(self._gap())",
        "            self._gap()",
        (OUTBOX,),
    ),
    Defect(
        "another key's events are delivered",
        "gateway/feed/audience.py",
        "                found |= self._of_key.get(holder.key_id, {})",
        "                found |= self.listeners",
        ("tests/feed/test_audience.py",),
    ),
    Defect(
        "orders of an account that is not the key's are shown",
        "gateway/feed/audience.py",
        "    return Scope.ACCOUNT_READ in principal.scopes and principal.may_use_account(acc_id)",
        "    return Scope.ACCOUNT_READ in principal.scopes",
        ("tests/feed/test_audience.py",),
    ),
    Defect(
        "claims of a socket that ended stay",
        "gateway/web/socket_claims.py",
        "        try:\n            self.drop(holder, None)\n        except GatewayError as error:",
        "        try:\n            pass\n        except GatewayError as error:",
        ("tests/web/test_socket_claims.py",),
    ),
    Defect(
        "a change of the policy file is not seen",
        "gateway/policy_watch.py",
        "        if signature == self._seen:",
        "        if self._seen is not None:",
        ("tests/test_policy_watch.py::test_a_change_is_in_force_after_the_next_look",),
    ),
    Defect(
        "a revoked key keeps its socket",
        "gateway/feed/hub.py",
        "        if not self._may_listen(listener):",
        "        if False:",
        ("tests/feed/test_hub.py::test_a_key_that_has_ended_closes_with_4401",),
    ),
    Defect(
        "a key for paper orders sends real ones",
        "gateway/web/auth.py",
        "    if request.c2s.header.trdEnv != SIMULATE:",
        "    if False:",
        ("tests/web/test_keys.py::test_a_key_for_paper_trades_no_real_account",),
    ),
    Defect(
        "the page's paper order becomes a real one",
        "gateway/schema/numbering.py",
        "{0: _SIMULATE, 1: _SIMULATE, 2: _REAL}",
        "{0: _SIMULATE, 1: _REAL, 2: _REAL}",
        ("tests/schema/test_decode_trade.py::test_the_environment_is_the_one_of_the_numbering",),
    ),
)
