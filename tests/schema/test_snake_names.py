import pytest

from gateway.schema.descriptors import pool
from gateway.schema.names import snake_case
from gateway.schema.protocols import PROTOCOLS
from gateway.schema.spelling import fields_by_spelling

ODD_NAMES = {
    "aesCBCiv": "aes_cb_civ",
    "highest52WeeksPrice": "highest52_weeks_price",
    "closePrice5Minute": "close_price5_minute",
    "td_plVal": "td_pl_val",
    "openDCostAvg": "open_d_cost_avg",
    "orderIDEx": "order_id_ex",
    "orderIdExList": "order_id_ex_list",
    "pwdMD5": "pwd_md5",
    "isRegOrUnRegPush": "is_reg_or_un_reg_push",
    "accID": "acc_id",
    "connAESKey": "conn_aes_key",
    "peTTMRate": "pe_ttm_rate",
    "maxAckKLNum": "max_ack_kl_num",
    "filterPLRatioMin": "filter_pl_ratio_min",
    "klType": "kl_type",
    "c2s": "c2s",
    "code": "code",
}


@pytest.mark.parametrize(("name", "snake"), ODD_NAMES.items())
def test_names_are_those_of_prost(name, snake):
    assert snake_case(name) == snake


def all_messages():
    found = {}

    def visit(descriptor):
        found[descriptor.full_name] = descriptor
        for nested in descriptor.nested_types:
            visit(nested)

    for file_name in {file_of(protocol) for protocol in PROTOCOLS.values()}:
        visit_file(pool().FindFileByName(file_name), visit, set())
    return found.values()


def file_of(protocol):
    return protocol.response.DESCRIPTOR.file.name


def visit_file(file, visit, seen):
    if file.name in seen:
        return
    seen.add(file.name)
    for descriptor in file.message_types_by_name.values():
        visit(descriptor)
    for dependency in file.dependencies:
        visit_file(dependency, visit, seen)


def test_all_1477_fields_have_names_of_their_own_in_every_spelling():
    fields = 0
    for descriptor in all_messages():
        spelled = fields_by_spelling(descriptor)
        snakes = {snake_case(field.name) for field in descriptor.fields}
        assert len(snakes) == len(descriptor.fields)
        assert all(name == name.lower() for name in snakes)
        assert snakes <= set(spelled)
        fields += len(descriptor.fields)
    assert fields == 1477
