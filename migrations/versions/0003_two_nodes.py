"""Class servers and the centre: chains, receipts, what is held, who exchanges"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


RECORDS = (
    'agency', 'attempt', 'certificate', 'class_day', 'classroom', 'country', 'course', 'course_run', 'course_version', 'enrolment', 'equipment', 'holiday', 'incident', 'lesson_progress', 'media', 'meeting', 'meeting_item', 'nomination', 'number_block', 'office', 'page_note', 'paper_test', 'person', 'person_name', 'posting', 'role_grant', 'room_test', 'run_report', 'run_trainer', 'seat', 'seating', 'signatory', 'signing_key',
)


FACTS = (
    'daily_check', 'taught', 'attendance_mark', 'minutes_line', 'answer', 'mark', 'mark_correction', 'attempt_event', 'granted_attempt', 'sheet_entry', 'practical_work', 'practical_mark', 'clock_step', 'feedback_sheet', 'certificate_event', 'audit_event', 'hand_over', 'segment_release', 'erasure',
)


def number_what_is_there() -> None:
    """Give the entries of before their order, and the rows the version that their entries have reached."""
    op.execute(
        'UPDATE journal_entry SET number = placed.number, version = placed.version FROM ('
        ' SELECT id, row_number() OVER (ORDER BY at, id) AS number, row_number() OVER (PARTITION BY "table", row_id ORDER BY at, id) AS version'
        ' FROM journal_entry) AS placed WHERE placed.id = journal_entry.id'
    )
    for table in RECORDS:
        op.execute(
            f"UPDATE {table} SET version = coalesce((SELECT max(entry.version) FROM journal_entry AS entry"
            f" WHERE entry.\"table\" = '{table}' AND entry.row_id = {table}.id), 1)"
        )
    if op.get_bind().dialect.name == 'postgresql':
        op.execute('CREATE SEQUENCE journal_entry_number')
        op.execute("SELECT setval('journal_entry_number', (SELECT coalesce(max(number), 0) + 1 FROM journal_entry), false)")


def upgrade() -> None:
    op.create_table('down_row',
    sa.Column('node', sa.String(length=40), nullable=False),
    sa.Column('table', sa.String(length=40), nullable=False),
    sa.Column('row_id', sa.Uuid(), nullable=False),
    sa.Column('content', sa.String(length=64), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_down_row')),
    sa.UniqueConstraint('node', 'table', 'row_id', name=op.f('uq_down_row_node_table_row_id'))
    )
    op.create_table('epoch',
    sa.Column('code', sa.String(length=16), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('begun_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('why', sa.String(length=20), nullable=False),
    sa.Column('parent_epoch', sa.String(length=16), nullable=False),
    sa.Column('parent_number', sa.Integer(), nullable=False),
    sa.Column('parent_hash', sa.String(length=64), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_epoch')),
    sa.UniqueConstraint('code', name=op.f('uq_epoch_code'))
    )
    op.create_table('receipt',
    sa.Column('by', sa.String(length=40), nullable=False),
    sa.Column('about', sa.String(length=40), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('epoch', sa.String(length=16), nullable=False),
    sa.Column('counter', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('statement', app.db.Json, nullable=False),
    sa.Column('signature', sa.LargeBinary(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('holds', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_receipt')),
    sa.UniqueConstraint('by', 'about', 'hash', name=op.f('uq_receipt_by_about_hash'))
    )
    op.create_index('ix_receipt_counter', 'receipt', ['by', 'about', 'ordinal', 'counter'], unique=False)
    op.create_table('segment',
    sa.Column('node', sa.String(length=40), nullable=False),
    sa.Column('stream', sa.String(length=46), nullable=False),
    sa.Column('epoch', sa.String(length=16), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('prev', sa.String(length=64), nullable=False),
    sa.Column('header', app.db.Json, nullable=False),
    sa.Column('signature', sa.LargeBinary(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('entries', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('bundle', sa.String(length=32), nullable=False),
    sa.Column('tables', app.db.Json, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_segment')),
    sa.UniqueConstraint('node', 'stream', 'epoch', 'number', 'hash', name=op.f('uq_segment_node_stream_epoch_number_hash'))
    )
    op.create_index('ix_segment_hash', 'segment', ['hash'], unique=False)
    op.create_index('ix_segment_prev', 'segment', ['prev'], unique=False)
    op.create_table('erasure',
    sa.Column('table', sa.String(length=40), nullable=False),
    sa.Column('row_id', sa.Uuid(), nullable=False),
    sa.Column('below', sa.BigInteger(), nullable=True),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_erasure_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erasure'))
    )
    op.create_index('ix_erasure_table_row', 'erasure', ['table', 'row_id'], unique=False)
    op.create_table('exchange',
    sa.Column('peer', sa.String(length=40), nullable=False),
    sa.Column('direction', sa.String(length=4), nullable=False),
    sa.Column('way', sa.String(length=6), nullable=False),
    sa.Column('bundle', sa.String(length=32), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('counts', app.db.Json, nullable=False),
    sa.Column('said', app.db.Json, nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('statement', app.db.Json, nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_exchange_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_exchange'))
    )
    op.create_index('ix_exchange_peer_at', 'exchange', ['peer', 'at'], unique=False)
    op.create_table('hand_over',
    sa.Column('table', sa.String(length=40), nullable=False),
    sa.Column('row_id', sa.Uuid(), nullable=False),
    sa.Column('from_node', sa.String(length=40), nullable=False),
    sa.Column('to_node', sa.String(length=40), nullable=False),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_hand_over_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hand_over'))
    )
    op.create_index(op.f('ix_hand_over_row_id'), 'hand_over', ['row_id'], unique=False)
    op.create_table('held_entry',
    sa.Column('segment_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('node', sa.String(length=40), nullable=False),
    sa.Column('table', sa.String(length=40), nullable=False),
    sa.Column('row_id', sa.Uuid(), nullable=True),
    sa.Column('why', sa.String(length=20), nullable=False),
    sa.Column('detail', app.db.Json, nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('settled_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('settled_by', sa.Uuid(), nullable=True),
    sa.Column('settled_how', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['segment_id'], ['segment.id'], name=op.f('fk_held_entry_segment_id')),
    sa.ForeignKeyConstraint(['settled_by'], ['person.id'], name=op.f('fk_held_entry_settled_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_held_entry')),
    sa.UniqueConstraint('segment_id', 'place', name=op.f('uq_held_entry_segment_id_place'))
    )
    op.create_index(op.f('ix_held_entry_why'), 'held_entry', ['why'], unique=False)
    op.create_table('person_merge',
    sa.Column('dropped_id', sa.Uuid(), nullable=False),
    sa.Column('kept_id', sa.Uuid(), nullable=False),
    sa.Column('merged_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('merged_by', sa.Uuid(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('undone_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('undone_by', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['dropped_id'], ['person.id'], name=op.f('fk_person_merge_dropped_id')),
    sa.ForeignKeyConstraint(['kept_id'], ['person.id'], name=op.f('fk_person_merge_kept_id')),
    sa.ForeignKeyConstraint(['merged_by'], ['person.id'], name=op.f('fk_person_merge_merged_by')),
    sa.ForeignKeyConstraint(['undone_by'], ['person.id'], name=op.f('fk_person_merge_undone_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_person_merge'))
    )
    op.create_index(op.f('ix_person_merge_dropped_id'), 'person_merge', ['dropped_id'], unique=False)
    op.create_index(op.f('ix_person_merge_kept_id'), 'person_merge', ['kept_id'], unique=False)
    op.create_table('segment_release',
    sa.Column('node', sa.String(length=40), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('release', sa.Boolean(), nullable=False),
    sa.Column('by_id', sa.Uuid(), nullable=False),
    sa.Column('at', app.db.UtcDateTime(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('segment', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_segment_release_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_segment_release'))
    )
    op.create_index(op.f('ix_segment_release_hash'), 'segment_release', ['hash'], unique=False)
    op.create_table('merged_reference',
    sa.Column('merge_id', sa.Uuid(), nullable=False),
    sa.Column('table', sa.String(length=40), nullable=False),
    sa.Column('row_id', sa.Uuid(), nullable=False),
    sa.Column('column', sa.String(length=40), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['merge_id'], ['person_merge.id'], name=op.f('fk_merged_reference_merge_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_merged_reference')),
    sa.UniqueConstraint('table', 'row_id', 'column', name=op.f('uq_merged_reference_table_row_id_column'))
    )
    op.create_index(op.f('ix_merged_reference_merge_id'), 'merged_reference', ['merge_id'], unique=False)
    op.create_table('node',
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('role', sa.String(length=10), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('office_id', sa.Uuid(), nullable=False),
    sa.Column('classroom_id', sa.Uuid(), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('public_key', sa.String(length=64), nullable=True),
    sa.Column('box_key', sa.String(length=64), nullable=True),
    sa.Column('fingerprint', sa.String(length=24), nullable=True),
    sa.Column('address', sa.String(length=200), nullable=False),
    sa.Column('joined_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('revoked_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('revoked_why', sa.Text(), nullable=False),
    sa.Column('cut', app.db.Json, nullable=False),
    sa.Column('replaces_id', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_node', sa.String(length=40), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['classroom_id'], ['classroom.id'], name=op.f('fk_node_classroom_id')),
    sa.ForeignKeyConstraint(['office_id'], ['office.id'], name=op.f('fk_node_office_id')),
    sa.ForeignKeyConstraint(['replaces_id'], ['node.id'], name=op.f('fk_node_replaces_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_node')),
    sa.UniqueConstraint('code', name=op.f('uq_node_code'))
    )
    op.create_index(op.f('ix_node_office_id'), 'node', ['office_id'], unique=False)
    op.create_table('join_code',
    sa.Column('node_id', sa.Uuid(), nullable=False),
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('made_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('made_by', sa.Uuid(), nullable=True),
    sa.Column('expires_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('used_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['made_by'], ['person.id'], name=op.f('fk_join_code_made_by')),
    sa.ForeignKeyConstraint(['node_id'], ['node.id'], name=op.f('fk_join_code_node_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_join_code')),
    sa.UniqueConstraint('code_hash', name=op.f('uq_join_code_code_hash'))
    )
    op.create_index(op.f('ix_join_code_node_id'), 'join_code', ['node_id'], unique=False)
    op.create_table('join_request',
    sa.Column('node_id', sa.Uuid(), nullable=False),
    sa.Column('public_key', sa.String(length=64), nullable=False),
    sa.Column('box_key', sa.String(length=64), nullable=False),
    sa.Column('fingerprint', sa.String(length=24), nullable=False),
    sa.Column('way', sa.String(length=10), nullable=False),
    sa.Column('asked_at', app.db.UtcDateTime(), nullable=False),
    sa.Column('decided_at', app.db.UtcDateTime(), nullable=True),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('accepted', sa.Boolean(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['decided_by'], ['person.id'], name=op.f('fk_join_request_decided_by')),
    sa.ForeignKeyConstraint(['node_id'], ['node.id'], name=op.f('fk_join_request_node_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_join_request'))
    )
    op.create_index(op.f('ix_join_request_node_id'), 'join_request', ['node_id'], unique=False)
    op.add_column('agency', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('attempt', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('certificate', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('class_day', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('classroom', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('country', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('course', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('course_run', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('course_version', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('enrolment', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('equipment', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('holiday', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('incident', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('journal_entry', sa.Column('number', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('journal_entry', sa.Column('node', sa.String(length=40), nullable=False, server_default=''))
    op.add_column('journal_entry', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('journal_entry', sa.Column('refused', sa.String(length=20), nullable=True))
    op.create_index(op.f('ix_journal_entry_number'), 'journal_entry', ['number'], unique=False)
    op.create_index('ix_journal_entry_unsealed', 'journal_entry', ['number'], unique=False, postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'))
    op.add_column('lesson_progress', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('media', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('meeting', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('meeting_item', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('nomination', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('number_block', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('office', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('page_note', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('paper_test', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('person', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('person_name', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('posting', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.drop_column('preference', 'owner_node')
    op.add_column('role_grant', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('room_test', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('run_report', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('run_trainer', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('seat', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('seating', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('signatory', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))
    op.add_column('wall_clock', sa.Column('confirmed_at', app.db.UtcDateTime(), nullable=True))
    op.add_column('wall_clock', sa.Column('confirmed_offset_ms', sa.BigInteger(), nullable=True))
    op.add_column('signing_key', sa.Column('version', sa.BigInteger(), nullable=False, server_default=sa.text('0')))

    for table in FACTS:
        op.create_index(
            f'ix_{table}_unsealed', table, ['id'], unique=False, postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'),
        )
    number_what_is_there()


def downgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        op.execute('DROP SEQUENCE journal_entry_number')
    for table in FACTS:
        op.drop_index(f'ix_{table}_unsealed', table_name=table)
    op.drop_column('wall_clock', 'confirmed_offset_ms')
    op.drop_column('wall_clock', 'confirmed_at')
    op.drop_column('signing_key', 'version')
    op.drop_column('signatory', 'version')
    op.drop_column('seating', 'version')
    op.drop_column('seat', 'version')
    op.drop_column('run_trainer', 'version')
    op.drop_column('run_report', 'version')
    op.drop_column('room_test', 'version')
    op.drop_column('role_grant', 'version')
    op.add_column('preference', sa.Column('owner_node', sa.String(length=40), nullable=False, server_default=''))
    op.drop_column('posting', 'version')
    op.drop_column('person_name', 'version')
    op.drop_column('person', 'version')
    op.drop_column('paper_test', 'version')
    op.drop_column('page_note', 'version')
    op.drop_column('office', 'version')
    op.drop_column('number_block', 'version')
    op.drop_column('nomination', 'version')
    op.drop_column('meeting_item', 'version')
    op.drop_column('meeting', 'version')
    op.drop_column('media', 'version')
    op.drop_column('lesson_progress', 'version')
    op.drop_index('ix_journal_entry_unsealed', table_name='journal_entry', postgresql_where=sa.text('segment IS NULL'), sqlite_where=sa.text('segment IS NULL'))
    op.drop_index(op.f('ix_journal_entry_number'), table_name='journal_entry')
    op.drop_column('journal_entry', 'refused')
    op.drop_column('journal_entry', 'version')
    op.drop_column('journal_entry', 'node')
    op.drop_column('journal_entry', 'number')
    op.drop_column('incident', 'version')
    op.drop_column('holiday', 'version')
    op.drop_column('equipment', 'version')
    op.drop_column('enrolment', 'version')
    op.drop_column('course_version', 'version')
    op.drop_column('course_run', 'version')
    op.drop_column('course', 'version')
    op.drop_column('country', 'version')
    op.drop_column('classroom', 'version')
    op.drop_column('class_day', 'version')
    op.drop_column('certificate', 'version')
    op.drop_column('attempt', 'version')
    op.drop_column('agency', 'version')
    op.drop_index(op.f('ix_join_request_node_id'), table_name='join_request')
    op.drop_table('join_request')
    op.drop_index(op.f('ix_join_code_node_id'), table_name='join_code')
    op.drop_table('join_code')
    op.drop_index(op.f('ix_node_office_id'), table_name='node')
    op.drop_table('node')
    op.drop_index(op.f('ix_merged_reference_merge_id'), table_name='merged_reference')
    op.drop_table('merged_reference')
    op.drop_index(op.f('ix_segment_release_hash'), table_name='segment_release')
    op.drop_table('segment_release')
    op.drop_index(op.f('ix_person_merge_kept_id'), table_name='person_merge')
    op.drop_index(op.f('ix_person_merge_dropped_id'), table_name='person_merge')
    op.drop_table('person_merge')
    op.drop_index(op.f('ix_held_entry_why'), table_name='held_entry')
    op.drop_table('held_entry')
    op.drop_index(op.f('ix_hand_over_row_id'), table_name='hand_over')
    op.drop_table('hand_over')
    op.drop_index('ix_exchange_peer_at', table_name='exchange')
    op.drop_table('exchange')
    op.drop_index('ix_erasure_table_row', table_name='erasure')
    op.drop_table('erasure')
    op.drop_index('ix_segment_prev', table_name='segment')
    op.drop_index('ix_segment_hash', table_name='segment')
    op.drop_table('segment')
    op.drop_table('receipt')
    op.drop_table('epoch')
    op.drop_table('down_row')
