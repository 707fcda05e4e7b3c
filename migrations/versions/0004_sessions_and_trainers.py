"""Sessions and the trainer pool: slots, bookings, accreditations, notices"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


# Two overlapping bookings of one trainer, trainee or room: the database itself refuses the second. Instants, half-open.
NEVER_TWICE = {
    'postgresql': (
        'CREATE EXTENSION IF NOT EXISTS btree_gist',
        "ALTER TABLE booking ADD CONSTRAINT booking_never_twice EXCLUDE USING gist (resource_id WITH =, tstzrange(starts_at, ends_at, '[)') WITH &&)",
    ),
    'sqlite': tuple(
        f"CREATE TRIGGER booking_never_twice_{deed.lower()} BEFORE {deed} ON booking WHEN EXISTS (SELECT 1 FROM booking AS other"
        " WHERE other.resource_id = NEW.resource_id AND other.id <> NEW.id AND other.starts_at < NEW.ends_at AND NEW.starts_at < other.ends_at)"
        " BEGIN SELECT RAISE(ABORT, 'booking_never_twice'); END"
        for deed in ('INSERT', 'UPDATE')
    ),
}


def upgrade() -> None:
    op.create_table('constraint_setting',
    sa.Column('code', sa.String(length=3), nullable=False),
    sa.Column('level', sa.String(length=1), nullable=False),
    sa.Column('weight', sa.Integer(), nullable=False),
    sa.Column('numbers', app.db.Json, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_constraint_setting')),
    sa.UniqueConstraint('code', name=op.f('uq_constraint_setting_code'))
    )
    op.create_table('notice_seen',
    sa.Column('notice_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice_seen')),
    sa.UniqueConstraint('notice_id', name=op.f('uq_notice_seen_notice_id'))
    )
    op.create_table('entry_rule',
    sa.Column('from_country_id', sa.Uuid(), nullable=False),
    sa.Column('to_country_id', sa.Uuid(), nullable=False),
    sa.Column('lead_days', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['from_country_id'], ['country.id'], name=op.f('fk_entry_rule_from_country_id')),
    sa.ForeignKeyConstraint(['to_country_id'], ['country.id'], name=op.f('fk_entry_rule_to_country_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_entry_rule')),
    sa.UniqueConstraint('from_country_id', 'to_country_id', name=op.f('uq_entry_rule_from_country_id_to_country_id'))
    )
    op.create_table('closure',
    sa.Column('office_id', sa.Uuid(), nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['office_id'], ['office.id'], name=op.f('fk_closure_office_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_closure'))
    )
    op.create_index(op.f('ix_closure_office_id'), 'closure', ['office_id'], unique=False)
    op.create_table('travel_time',
    sa.Column('from_office_id', sa.Uuid(), nullable=False),
    sa.Column('to_office_id', sa.Uuid(), nullable=False),
    sa.Column('days', sa.Integer(), nullable=False),
    sa.Column('cost', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['from_office_id'], ['office.id'], name=op.f('fk_travel_time_from_office_id')),
    sa.ForeignKeyConstraint(['to_office_id'], ['office.id'], name=op.f('fk_travel_time_to_office_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_travel_time')),
    sa.UniqueConstraint('from_office_id', 'to_office_id', name=op.f('uq_travel_time_from_office_id_to_office_id'))
    )
    op.create_table('absence',
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('starts_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('ends_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('zone', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_absence_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_absence'))
    )
    op.create_index('ix_absence_person_id_starts_at', 'absence', ['person_id', 'starts_at'], unique=False)
    op.create_table('calendar_address',
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('made_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('revoked_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('read_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_calendar_address_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calendar_address')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_calendar_address_token_hash'))
    )
    op.create_index(op.f('ix_calendar_address_person_id'), 'calendar_address', ['person_id'], unique=False)
    op.create_table('mail',
    sa.Column('batch', sa.Uuid(), nullable=False),
    sa.Column('office_id', sa.Uuid(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('message_id', sa.String(length=120), nullable=False),
    sa.Column('made_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('due_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('pressed_by', sa.Uuid(), nullable=True),
    sa.Column('sent_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('error', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_mail_person_id')),
    sa.ForeignKeyConstraint(['pressed_by'], ['person.id'], name=op.f('fk_mail_pressed_by')),
    sa.ForeignKeyConstraint(['office_id'], ['office.id'], name=op.f('fk_mail_office_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail')),
    sa.UniqueConstraint('batch', 'person_id', name=op.f('uq_mail_batch_person_id')),
    sa.UniqueConstraint('message_id', name=op.f('uq_mail_message_id'))
    )
    op.create_index(op.f('ix_mail_office_id'), 'mail', ['office_id'], unique=False)
    op.create_index(op.f('ix_mail_person_id'), 'mail', ['person_id'], unique=False)
    op.create_index('ix_mail_state_due_at', 'mail', ['state', 'due_at'], unique=False)
    op.create_table('notice',
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('what', sa.String(length=30), nullable=False),
    sa.Column('detail', app.db.Json, nullable=False),
    sa.Column('link', sa.Text(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('key', sa.String(length=120), nullable=False),
    sa.Column('until', app.db.UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_notice_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice'))
    )
    op.create_index('ix_notice_person_id_at', 'notice', ['person_id', 'at'], unique=False)
    op.create_index('ix_notice_unsealed', 'notice', ['id'], unique=False, postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'))
    op.create_table('reminded',
    sa.Column('what', sa.String(length=30), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_reminded_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reminded')),
    sa.UniqueConstraint('what', 'subject_id', 'person_id', name=op.f('uq_reminded_what_subject_id_person_id'))
    )
    op.create_index(op.f('ix_reminded_person_id'), 'reminded', ['person_id'], unique=False)
    op.create_table('trainer',
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('home_office_id', sa.Uuid(), nullable=False),
    sa.Column('stage', sa.String(length=12), nullable=False),
    sa.Column('reach', sa.String(length=10), nullable=False),
    sa.Column('travels', sa.String(length=10), nullable=False),
    sa.Column('share', sa.Integer(), nullable=False),
    sa.Column('days_a_month', sa.Integer(), nullable=True),
    sa.Column('days_a_quarter', sa.Integer(), nullable=True),
    sa.Column('needs_release', sa.Boolean(), nullable=False),
    sa.Column('shown_abroad', sa.String(length=10), nullable=False),
    sa.Column('consent_on', sa.Date(), nullable=True),
    sa.Column('passport_to', sa.Date(), nullable=True),
    sa.Column('connection_tested_on', sa.Date(), nullable=True),
    sa.Column('prefers', sa.String(length=10), nullable=False),
    sa.Column('prefers_to', sa.Date(), nullable=True),
    sa.Column('left_on', sa.Date(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['home_office_id'], ['office.id'], name=op.f('fk_trainer_home_office_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_trainer_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trainer')),
    sa.UniqueConstraint('person_id', name=op.f('uq_trainer_person_id'))
    )
    op.create_index(op.f('ix_trainer_home_office_id'), 'trainer', ['home_office_id'], unique=False)
    op.create_table('accreditation',
    sa.Column('trainer_id', sa.Uuid(), nullable=False),
    sa.Column('course_id', sa.Uuid(), nullable=False),
    sa.Column('level', sa.String(length=10), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('withdrawn_on', sa.Date(), nullable=True),
    sa.Column('withdrawn_why', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_accreditation_course_id')),
    sa.ForeignKeyConstraint(['trainer_id'], ['trainer.id'], name=op.f('fk_accreditation_trainer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accreditation'))
    )
    op.create_index(op.f('ix_accreditation_course_id'), 'accreditation', ['course_id'], unique=False)
    op.create_index(op.f('ix_accreditation_trainer_id'), 'accreditation', ['trainer_id'], unique=False)
    op.create_table('entry_permit',
    sa.Column('trainer_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('country_id', sa.Uuid(), nullable=True),
    sa.Column('office_id', sa.Uuid(), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['country_id'], ['country.id'], name=op.f('fk_entry_permit_country_id')),
    sa.ForeignKeyConstraint(['office_id'], ['office.id'], name=op.f('fk_entry_permit_office_id')),
    sa.ForeignKeyConstraint(['trainer_id'], ['trainer.id'], name=op.f('fk_entry_permit_trainer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_entry_permit'))
    )
    op.create_index(op.f('ix_entry_permit_trainer_id'), 'entry_permit', ['trainer_id'], unique=False)
    op.create_table('home_release',
    sa.Column('trainer_id', sa.Uuid(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=False),
    sa.Column('asked_on', sa.Date(), nullable=False),
    sa.Column('given_on', sa.Date(), nullable=True),
    sa.Column('refused_on', sa.Date(), nullable=True),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['trainer_id'], ['trainer.id'], name=op.f('fk_home_release_trainer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_home_release'))
    )
    op.create_index(op.f('ix_home_release_trainer_id'), 'home_release', ['trainer_id'], unique=False)
    op.create_table('pairing',
    sa.Column('trainer_id', sa.Uuid(), nullable=False),
    sa.Column('other_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['other_id'], ['trainer.id'], name=op.f('fk_pairing_other_id')),
    sa.ForeignKeyConstraint(['trainer_id'], ['trainer.id'], name=op.f('fk_pairing_trainer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pairing')),
    sa.UniqueConstraint('trainer_id', 'other_id', 'kind', name=op.f('uq_pairing_trainer_id_other_id_kind'))
    )
    op.create_index(op.f('ix_pairing_other_id'), 'pairing', ['other_id'], unique=False)
    op.create_table('room_blocking',
    sa.Column('classroom_id', sa.Uuid(), nullable=False),
    sa.Column('starts_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('ends_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['classroom_id'], ['classroom.id'], name=op.f('fk_room_blocking_classroom_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_room_blocking'))
    )
    op.create_index(op.f('ix_room_blocking_classroom_id'), 'room_blocking', ['classroom_id'], unique=False)
    op.create_table('trainer_language',
    sa.Column('trainer_id', sa.Uuid(), nullable=False),
    sa.Column('language', sa.String(length=8), nullable=False),
    sa.Column('level', sa.String(length=2), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['trainer_id'], ['trainer.id'], name=op.f('fk_trainer_language_trainer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trainer_language')),
    sa.UniqueConstraint('trainer_id', 'language', name=op.f('uq_trainer_language_trainer_id_language'))
    )
    op.create_table('training_session',
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('mode', sa.String(length=10), nullable=False),
    sa.Column('language', sa.String(length=8), nullable=False),
    sa.Column('language_level', sa.String(length=2), nullable=False),
    sa.Column('zone', sa.Text(), nullable=False),
    sa.Column('seats', sa.Integer(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('classroom_id', sa.Uuid(), nullable=True),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('link_kind', sa.String(length=10), nullable=False),
    sa.Column('link', sa.Text(), nullable=False),
    sa.Column('phone', sa.Text(), nullable=False),
    sa.Column('allows_phones', sa.Boolean(), nullable=False),
    sa.Column('budget', sa.Integer(), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('released_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('released_by', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('series_id', sa.Uuid(), nullable=True),
    sa.Column('searches', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['classroom_id'], ['classroom.id'], name=op.f('fk_training_session_classroom_id')),
    sa.ForeignKeyConstraint(['released_by'], ['person.id'], name=op.f('fk_training_session_released_by')),
    sa.ForeignKeyConstraint(['run_id'], ['course_run.id'], name=op.f('fk_training_session_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_training_session')),
    sa.UniqueConstraint('code', name=op.f('uq_training_session_code'))
    )
    op.create_index(op.f('ix_training_session_run_id'), 'training_session', ['run_id'], unique=False)
    op.create_table('told',
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('batch', sa.Uuid(), nullable=False),
    sa.Column('part', sa.String(length=12), nullable=False),
    sa.Column('meetings', app.db.Json, nullable=False),
    sa.Column('mailed', sa.Boolean(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_told_person_id')),
    sa.ForeignKeyConstraint(['session_id'], ['training_session.id'], name=op.f('fk_told_session_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_told'))
    )
    op.create_index(op.f('ix_told_batch'), 'told', ['batch'], unique=False)
    op.create_index(op.f('ix_told_person_id'), 'told', ['person_id'], unique=False)
    op.create_index(op.f('ix_told_session_id'), 'told', ['session_id'], unique=False)
    op.create_table('online_room',
    sa.Column('meeting_id', sa.Uuid(), nullable=False),
    sa.Column('begun_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['meeting_id'], ['meeting.id'], name=op.f('fk_online_room_meeting_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_online_room')),
    sa.UniqueConstraint('meeting_id', name=op.f('uq_online_room_meeting_id'))
    )
    op.create_table('agency_quota',
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('agency_id', sa.Uuid(), nullable=False),
    sa.Column('seats', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['agency_id'], ['agency.id'], name=op.f('fk_agency_quota_agency_id')),
    sa.ForeignKeyConstraint(['session_id'], ['training_session.id'], name=op.f('fk_agency_quota_session_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_agency_quota')),
    sa.UniqueConstraint('session_id', 'agency_id', name=op.f('uq_agency_quota_session_id_agency_id'))
    )
    op.create_table('session_seat',
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('agency_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('since', app.db.UtcDateTime(), nullable=False),
    sa.Column('promoted_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['agency_id'], ['agency.id'], name=op.f('fk_session_seat_agency_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_session_seat_person_id')),
    sa.ForeignKeyConstraint(['session_id'], ['training_session.id'], name=op.f('fk_session_seat_session_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_session_seat')),
    sa.UniqueConstraint('session_id', 'person_id', name=op.f('uq_session_seat_session_id_person_id'))
    )
    op.create_index(op.f('ix_session_seat_person_id'), 'session_seat', ['person_id'], unique=False)
    op.create_table('session_slot',
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.String(length=12), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('language', sa.String(length=8), nullable=False),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['session_id'], ['training_session.id'], name=op.f('fk_session_slot_session_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_session_slot'))
    )
    op.create_index(op.f('ix_session_slot_session_id'), 'session_slot', ['session_id'], unique=False)
    op.create_table('trainer_step',
    sa.Column('trainer_id', sa.Uuid(), nullable=False),
    sa.Column('stage', sa.String(length=12), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('course_id', sa.Uuid(), nullable=True),
    sa.Column('session_id', sa.Uuid(), nullable=True),
    sa.Column('assessor_id', sa.Uuid(), nullable=True),
    sa.Column('result', sa.String(length=10), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['assessor_id'], ['person.id'], name=op.f('fk_trainer_step_assessor_id')),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_trainer_step_by_id')),
    sa.ForeignKeyConstraint(['course_id'], ['course.id'], name=op.f('fk_trainer_step_course_id')),
    sa.ForeignKeyConstraint(['session_id'], ['training_session.id'], name=op.f('fk_trainer_step_session_id')),
    sa.ForeignKeyConstraint(['trainer_id'], ['trainer.id'], name=op.f('fk_trainer_step_trainer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trainer_step'))
    )
    op.create_index(op.f('ix_trainer_step_trainer_id'), 'trainer_step', ['trainer_id'], unique=False)
    op.create_index('ix_trainer_step_unsealed', 'trainer_step', ['id'], unique=False, postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'))
    op.create_table('assignment',
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('slot_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('since', app.db.UtcDateTime(), nullable=False),
    sa.Column('answer_by', app.db.UtcDateTime(), nullable=True),
    sa.Column('broken', app.db.Json, nullable=False),
    sa.Column('broken_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('overrides', app.db.Json, nullable=False),
    sa.Column('found', app.db.Json, nullable=False),
    sa.Column('order_number', sa.String(length=40), nullable=False),
    sa.Column('order_on', sa.Date(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_assignment_person_id')),
    sa.ForeignKeyConstraint(['session_id'], ['training_session.id'], name=op.f('fk_assignment_session_id')),
    sa.ForeignKeyConstraint(['slot_id'], ['session_slot.id'], name=op.f('fk_assignment_slot_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assignment'))
    )
    op.create_index('ix_assignment_person_id_state', 'assignment', ['person_id', 'state'], unique=False)
    op.create_index(op.f('ix_assignment_session_id'), 'assignment', ['session_id'], unique=False)
    op.create_index('uq_assignment_slot_holds', 'assignment', ['slot_id'], unique=True, postgresql_where=sa.text("state IN ('requested', 'offered', 'accepted', 'assigned')"), sqlite_where=sa.text("state IN ('requested', 'offered', 'accepted', 'assigned')"))
    op.create_table('booking',
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('resource_id', sa.Uuid(), nullable=False),
    sa.Column('meeting_id', sa.Uuid(), nullable=False),
    sa.Column('source_id', sa.Uuid(), nullable=False),
    sa.Column('starts_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('ends_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['meeting_id'], ['meeting.id'], name=op.f('fk_booking_meeting_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_booking'))
    )
    op.create_index(op.f('ix_booking_meeting_id'), 'booking', ['meeting_id'], unique=False)
    op.create_index('ix_booking_resource_id_starts_at', 'booking', ['resource_id', 'starts_at'], unique=False)
    op.create_index('ix_booking_source_id', 'booking', ['source_id'], unique=False)
    op.create_table('presence',
    sa.Column('meeting_id', sa.Uuid(), nullable=False),
    sa.Column('enrolment_id', sa.Uuid(), nullable=False),
    sa.Column('what', sa.String(length=10), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('device', sa.String(length=64), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_presence_by_id')),
    sa.ForeignKeyConstraint(['enrolment_id'], ['enrolment.id'], name=op.f('fk_presence_enrolment_id')),
    sa.ForeignKeyConstraint(['meeting_id'], ['meeting.id'], name=op.f('fk_presence_meeting_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_presence'))
    )
    op.create_index('ix_presence_meeting_id_enrolment_id', 'presence', ['meeting_id', 'enrolment_id'], unique=False)
    op.create_index('ix_presence_unsealed', 'presence', ['id'], unique=False, postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'))
    op.create_table('assignment_event',
    sa.Column('assignment_id', sa.Uuid(), nullable=False),
    sa.Column('what', sa.String(length=12), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('detail', app.db.Json, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_assignment_event_assignment_id')),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_assignment_event_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assignment_event'))
    )
    op.create_index(op.f('ix_assignment_event_assignment_id'), 'assignment_event', ['assignment_id'], unique=False)
    op.create_index('ix_assignment_event_unsealed', 'assignment_event', ['id'], unique=False, postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'))
    op.add_column('classroom', sa.Column('capacity', sa.Integer(), nullable=True))
    op.add_column('office', sa.Column('clearance', sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column('enrolment', sa.Column('order_number', sa.String(length=40), nullable=False, server_default=sa.text("''")))
    op.add_column('enrolment', sa.Column('order_on', sa.Date(), nullable=True))
    op.add_column('meeting', sa.Column('session_id', sa.Uuid(), sa.ForeignKey('training_session.id', name=op.f('fk_meeting_session_id')), nullable=True), inline_references=True)
    op.add_column('meeting', sa.Column('link', sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column('meeting', sa.Column('sequence', sa.Integer(), nullable=False, server_default=sa.text('0')))
    op.create_index(op.f('ix_meeting_session_id'), 'meeting', ['session_id'], unique=False)
    op.create_index('ix_meeting_day_session_id', 'meeting', ['day', 'session_id'], unique=False)
    op.add_column('person', sa.Column('email', sa.Text(), nullable=False, server_default=sa.text("''")))
    for statement in NEVER_TWICE[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table('online_room')
    op.drop_index(op.f('ix_told_session_id'), table_name='told')
    op.drop_index(op.f('ix_told_person_id'), table_name='told')
    op.drop_index(op.f('ix_told_batch'), table_name='told')
    op.drop_table('told')
    op.drop_column('person', 'email')
    op.drop_index('ix_meeting_day_session_id', table_name='meeting')
    op.drop_index(op.f('ix_meeting_session_id'), table_name='meeting')
    op.drop_column('meeting', 'sequence')
    op.drop_column('meeting', 'link')
    op.drop_column('meeting', 'session_id')
    op.drop_column('enrolment', 'order_on')
    op.drop_column('enrolment', 'order_number')
    op.drop_column('office', 'clearance')
    op.drop_column('classroom', 'capacity')
    op.drop_index('ix_assignment_event_unsealed', table_name='assignment_event', postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'))
    op.drop_index(op.f('ix_assignment_event_assignment_id'), table_name='assignment_event')
    op.drop_table('assignment_event')
    op.drop_index('ix_presence_unsealed', table_name='presence', postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'))
    op.drop_index('ix_presence_meeting_id_enrolment_id', table_name='presence')
    op.drop_table('presence')
    op.drop_index('ix_booking_source_id', table_name='booking')
    op.drop_index('ix_booking_resource_id_starts_at', table_name='booking')
    op.drop_index(op.f('ix_booking_meeting_id'), table_name='booking')
    op.drop_table('booking')
    op.drop_index('uq_assignment_slot_holds', table_name='assignment', postgresql_where=sa.text("state IN ('requested', 'offered', 'accepted', 'assigned')"), sqlite_where=sa.text("state IN ('requested', 'offered', 'accepted', 'assigned')"))
    op.drop_index(op.f('ix_assignment_session_id'), table_name='assignment')
    op.drop_index('ix_assignment_person_id_state', table_name='assignment')
    op.drop_table('assignment')
    op.drop_index('ix_trainer_step_unsealed', table_name='trainer_step', postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'))
    op.drop_index(op.f('ix_trainer_step_trainer_id'), table_name='trainer_step')
    op.drop_table('trainer_step')
    op.drop_index(op.f('ix_session_slot_session_id'), table_name='session_slot')
    op.drop_table('session_slot')
    op.drop_index(op.f('ix_session_seat_person_id'), table_name='session_seat')
    op.drop_table('session_seat')
    op.drop_table('agency_quota')
    op.drop_index(op.f('ix_training_session_run_id'), table_name='training_session')
    op.drop_table('training_session')
    op.drop_table('trainer_language')
    op.drop_index(op.f('ix_room_blocking_classroom_id'), table_name='room_blocking')
    op.drop_table('room_blocking')
    op.drop_index(op.f('ix_pairing_other_id'), table_name='pairing')
    op.drop_table('pairing')
    op.drop_index(op.f('ix_home_release_trainer_id'), table_name='home_release')
    op.drop_table('home_release')
    op.drop_index(op.f('ix_entry_permit_trainer_id'), table_name='entry_permit')
    op.drop_table('entry_permit')
    op.drop_index(op.f('ix_accreditation_trainer_id'), table_name='accreditation')
    op.drop_index(op.f('ix_accreditation_course_id'), table_name='accreditation')
    op.drop_table('accreditation')
    op.drop_index(op.f('ix_trainer_home_office_id'), table_name='trainer')
    op.drop_table('trainer')
    op.drop_index(op.f('ix_reminded_person_id'), table_name='reminded')
    op.drop_table('reminded')
    op.drop_index('ix_notice_unsealed', table_name='notice', postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'))
    op.drop_index('ix_notice_person_id_at', table_name='notice')
    op.drop_table('notice')
    op.drop_index('ix_mail_state_due_at', table_name='mail')
    op.drop_index(op.f('ix_mail_person_id'), table_name='mail')
    op.drop_index(op.f('ix_mail_office_id'), table_name='mail')
    op.drop_table('mail')
    op.drop_index(op.f('ix_calendar_address_person_id'), table_name='calendar_address')
    op.drop_table('calendar_address')
    op.drop_index('ix_absence_person_id_starts_at', table_name='absence')
    op.drop_table('absence')
    op.drop_table('travel_time')
    op.drop_index(op.f('ix_closure_office_id'), table_name='closure')
    op.drop_table('closure')
    op.drop_table('entry_rule')
    op.drop_table('notice_seen')
    op.drop_table('constraint_setting')
