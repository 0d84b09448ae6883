-- Findings that engineers judge, and what the detector learns from.

-- Budgets are findings per machine and 30 days of operation now, no share of healthy buckets.
UPDATE asset_model
SET detector = (detector - 'false_alarm_rate')
    || '{"false_alarms_per_month": 0.5, "drivers": [], "resets": ["sensor_replaced"]}'
WHERE detector IS NOT NULL;

-- A model holds from the beginning, or since the machine became another one by a reset, to the next reset. What it was
-- made of (settings, healthy window, whether it was refused) stands beside the parameters, which may be large.
ALTER TABLE model
    ADD COLUMN valid_from    timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN circumstances jsonb NOT NULL DEFAULT '{}';
-- As it was written, to the letter: jsonb makes another number of 1e+16 and of -0.0, and another digest.
ALTER TABLE model ALTER COLUMN parameters TYPE json;
CREATE INDEX model_in_use ON model (asset_id, valid_from, trained_at DESC, id DESC);

-- What a person said of a finding. It names a stretch of the asset's time, not the finding's row: it survives scoring
-- anew. Never changed but for superseded_at and superseded_by.
CREATE TABLE finding_review (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id   integer NOT NULL REFERENCES customer,
    asset_id      integer NOT NULL REFERENCES asset,
    start_at      timestamptz NOT NULL,
    end_at        timestamptz NOT NULL CHECK (end_at > start_at),
    -- Of the finding as it was: sensor to signed share, + high, - low.
    signature     jsonb NOT NULL,
    peak_score    double precision NOT NULL,
    detector      text NOT NULL,
    verdict       text NOT NULL CHECK (verdict IN ('confirmed', 'rejected')),
    label         text,
    note          text NOT NULL,
    reviewed_by   text NOT NULL,
    reviewed_at   timestamptz NOT NULL,
    superseded_at timestamptz,
    superseded_by text
);
CREATE INDEX finding_review_in_force ON finding_review (asset_id, start_at) WHERE superseded_at IS NULL;
CREATE INDEX finding_review_history ON finding_review (asset_id, id);

-- What people asked for through the API under a key of theirs, so that it is carried out once. Only the functions below
-- read it.
CREATE TABLE review_request (
    principal_id    integer NOT NULL REFERENCES principal ON DELETE CASCADE,
    idempotency_key text NOT NULL,
    action          text NOT NULL CHECK (action IN ('review', 'withdraw')),
    review_id       bigint NOT NULL REFERENCES finding_review ON DELETE CASCADE,
    requested_at    timestamptz NOT NULL,
    PRIMARY KEY (principal_id, idempotency_key)
);
CREATE INDEX review_request_review ON review_request (review_id);

-- detector: the one that leads, of those that make up the model; suppressed_by: it repeats a pattern that was rejected,
-- is kept and shown, and raises no alert.
ALTER TABLE anomaly
    ADD COLUMN severity      text NOT NULL DEFAULT 'warning' CHECK (severity IN ('watch', 'warning', 'critical')),
    ADD COLUMN detector      text NOT NULL DEFAULT 'pca',
    ADD COLUMN signature     jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN suppressed_by bigint REFERENCES finding_review;
CREATE INDEX anomaly_asset ON anomaly (asset_id) WHERE suppressed_by IS NOT NULL;
CREATE INDEX anomaly_open ON anomaly (asset_id, start_at) WHERE end_at IS NULL;

-- Which detector carries a score above the threshold. Without foreign keys a score is stored in half the time; only
-- analytics writes it, from rows that have them.
ALTER TABLE anomaly_score
    ADD COLUMN detector text,
    DROP CONSTRAINT anomaly_score_asset_id_fkey,
    DROP CONSTRAINT anomaly_score_customer_id_fkey,
    DROP CONSTRAINT anomaly_score_model_id_fkey;

-- When a machine became another one to the detector: the end of a stretch with a cause that the model's detector names.
CREATE TABLE watch_reset (
    asset_id    integer NOT NULL REFERENCES asset,
    at          timestamptz NOT NULL,
    customer_id integer NOT NULL REFERENCES customer,
    cause       text NOT NULL,
    PRIMARY KEY (asset_id, at)
);

-- The healthy window in use since the latest reset (null: none was found so far), and the drift noticed after it.
CREATE TABLE watch_state (
    asset_id     integer PRIMARY KEY REFERENCES asset,
    customer_id  integer NOT NULL REFERENCES customer,
    healthy_from timestamptz,
    healthy_to   timestamptz,
    origin       text CHECK (origin IN ('declared', 'found')),
    reset_at     timestamptz,
    reset_by     text,
    drift        jsonb,
    checked_at   timestamptz NOT NULL,
    -- How far a stable stretch was looked for in vain; whether the model in use is of settings that are no longer those.
    searched_at  timestamptz,
    is_outdated  boolean NOT NULL DEFAULT false,
    CHECK (num_nulls(healthy_from, healthy_to, origin) IN (0, 3))
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['finding_review', 'watch_reset', 'watch_state'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY own_customer ON %I USING (vouch_sees(customer_id))', t);
        EXECUTE format('GRANT SELECT ON %I TO vouch_api', t);
    END LOOP;
END
$$;

-- What people say of a finding, by its asset and its time: the latest review in force, or no row.
CREATE FUNCTION vouch_review_of(p_asset_id integer, p_start timestamptz, p_end timestamptz)
RETURNS SETOF finding_review LANGUAGE sql STABLE AS $$
    SELECT r.* FROM finding_review r
    WHERE r.asset_id = p_asset_id AND r.superseded_at IS NULL
      AND r.end_at > p_start AND r.start_at < coalesce(p_end, 'infinity')
    ORDER BY r.reviewed_at DESC, r.id DESC LIMIT 1
$$;

-- What an asset's detector makes of it follows: which findings repeat a rejected one, what may be learnt from.
CREATE FUNCTION vouch_watch_again(p_asset_id integer, p_start timestamptz, p_end timestamptz, p_at timestamptz)
RETURNS void LANGUAGE sql SET search_path = public, pg_temp AS $$
    INSERT INTO dirty_window (asset_id, start_at, end_at, marked_at)
    VALUES (p_asset_id, date_trunc('minute', p_start), date_trunc('minute', p_end) + interval '1 minute', p_at);
    SELECT pg_notify('vouch_dirty', '')
$$;

-- Say what a finding was; what was said of its time before is superseded. Saying the same again changes nothing. Once for
-- each key of a principal: what was asked for under the key. No row: there is no such finding for the asker. The API's
-- role can do this and the next, and nothing else.
CREATE FUNCTION vouch_review_finding(
    p_anomaly_id bigint, p_verdict text, p_label text, p_note text, p_by text, p_at timestamptz,
    p_principal_id integer DEFAULT NULL, p_key text DEFAULT NULL
)
RETURNS TABLE (review_id bigint, action text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    said anomaly%ROWTYPE;
    until timestamptz;
    low timestamptz;
    high timestamptz;
    noted bigint;
BEGIN
    SELECT * INTO said FROM anomaly n WHERE n.id = p_anomaly_id AND vouch_sees(n.customer_id);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- One after the other, so that one review is in force, and the same key is never noted twice.
    PERFORM pg_advisory_xact_lock(730056, said.asset_id), pg_advisory_xact_lock(730057, p_principal_id);
    RETURN QUERY SELECT k.review_id, k.action FROM review_request k
        WHERE k.principal_id = p_principal_id AND k.idempotency_key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;
    until := coalesce(said.end_at, greatest(p_at, said.start_at + interval '1 minute'));
    SELECT r.id INTO noted FROM vouch_review_of(said.asset_id, said.start_at, said.end_at) r
        WHERE (r.verdict, r.label, r.note, r.reviewed_by) IS NOT DISTINCT FROM (p_verdict, p_label, p_note, p_by);
    IF noted IS NULL THEN
        -- What was confirmed before may be learnt from again: its time is looked at too.
        WITH superseded AS (
            UPDATE finding_review r SET superseded_at = p_at, superseded_by = p_by
            WHERE r.asset_id = said.asset_id AND r.superseded_at IS NULL
              AND r.end_at > said.start_at AND r.start_at < until
            RETURNING r.start_at, r.end_at
        )
        SELECT least(min(u.start_at), said.start_at), greatest(max(u.end_at), until) INTO low, high FROM superseded u;
        PERFORM vouch_watch_again(said.asset_id, low, high, p_at);
        INSERT INTO finding_review (customer_id, asset_id, start_at, end_at, signature, peak_score, detector, verdict,
                                    label, note, reviewed_by, reviewed_at)
        VALUES (said.customer_id, said.asset_id, said.start_at, until, said.signature, said.peak_score, said.detector,
                p_verdict, p_label, p_note, p_by, p_at)
        RETURNING id INTO noted;
    END IF;
    INSERT INTO review_request (principal_id, idempotency_key, action, review_id, requested_at)
    SELECT p_principal_id, p_key, 'review', noted, p_at WHERE p_key IS NOT NULL;
    RETURN QUERY SELECT noted, 'review';
END
$$;

-- Take a review back; it stays on record. One that was taken back stays so. Once for each key of a principal, as above.
-- No row: there is no such review for the asker, or another is in force by now.
CREATE FUNCTION vouch_withdraw_review(
    p_id bigint, p_by text, p_at timestamptz, p_principal_id integer DEFAULT NULL, p_key text DEFAULT NULL
)
RETURNS TABLE (review_id bigint, action text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held finding_review%ROWTYPE;
BEGIN
    SELECT * INTO held FROM finding_review r WHERE r.id = p_id AND vouch_sees(r.customer_id);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(730056, held.asset_id), pg_advisory_xact_lock(730057, p_principal_id);
    RETURN QUERY SELECT k.review_id, k.action FROM review_request k
        WHERE k.principal_id = p_principal_id AND k.idempotency_key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;
    UPDATE finding_review r SET superseded_at = p_at, superseded_by = p_by WHERE r.id = p_id AND r.superseded_at IS NULL;
    IF FOUND THEN
        PERFORM vouch_watch_again(held.asset_id, held.start_at, held.end_at, p_at);
    ELSIF EXISTS (SELECT FROM vouch_review_of(held.asset_id, held.start_at, held.end_at)) THEN
        RETURN;
    END IF;
    INSERT INTO review_request (principal_id, idempotency_key, action, review_id, requested_at)
    SELECT p_principal_id, p_key, 'withdraw', p_id, p_at WHERE p_key IS NOT NULL;
    RETURN QUERY SELECT p_id, 'withdraw';
END
$$;

REVOKE ALL ON FUNCTION
    vouch_watch_again(integer, timestamptz, timestamptz, timestamptz),
    vouch_review_finding(bigint, text, text, text, text, timestamptz, integer, text),
    vouch_withdraw_review(bigint, text, timestamptz, integer, text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    vouch_review_finding(bigint, text, text, text, text, timestamptz, integer, text),
    vouch_withdraw_review(bigint, text, timestamptz, integer, text)
TO vouch_api;
