#include "machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static machine_processor_t processor_of(const char *text)
{
    machine_processor_t processor;
    FILE *cpuinfo = fmemopen((void *)text, strlen(text), "r");
    assert_non_null(cpuinfo);
    machine_read_processor(cpuinfo, &processor);
    fclose(cpuinfo);
    return processor;
}

static void the_processors_name_and_flags_are_the_first_ones(void **state)
{
    (void)state;
    machine_processor_t processor = processor_of("processor\t: 0\n"
                                                 "model name\t: Sample CPU @ 2.00GHz\n"
                                                 "flags\t\t: fpu hypervisor lahf_lm\n\n"
                                                 "processor\t: 1\n"
                                                 "model name\t: Another\n");
    assert_string_equal(processor.name, "Sample CPU @ 2.00GHz");
    assert_true(processor.virtual);
    processor = processor_of("flags\t\t: fpu vme\n\nflags\t\t: hypervisor\n");
    assert_string_equal(processor.name, "unknown");
    assert_false(processor.virtual);
}

static void a_hypervisor_is_a_flag_of_its_own_wherever_it_stands(void **state)
{
    (void)state;
    assert_true(processor_of("flags\t\t: hypervisor\n").virtual);
    assert_true(processor_of("flags\t\t: fpu hypervisor").virtual);
    assert_true(processor_of("flags\t\t: hypervisors hypervisor\n").virtual);
    assert_false(processor_of("flags\t\t: hypervisors no-hypervisor\n").virtual);
    assert_false(processor_of("bugs\t\t: hypervisor\n").virtual);
}

static void a_setting_is_the_word_in_brackets(void **state)
{
    (void)state;
    char choice[16] = "";
    assert_true(machine_read_choice("always [madvise] never\n", choice, sizeof choice));
    assert_string_equal(choice, "madvise");
    assert_true(machine_read_choice("[always] madvise never", choice, sizeof choice));
    assert_string_equal(choice, "always");
    assert_false(machine_read_choice("always madvise never", choice, sizeof choice));
    assert_false(machine_read_choice("always [madvise", choice, sizeof choice));
}

static void a_file_system_has_its_name_or_its_number(void **state)
{
    (void)state;
    static const struct {
        unsigned long type;
        const char *name;
    } known[] = {{0xEF53, "ext4"},
                 {0x58465342, "xfs"},
                 {0x9123683E, "btrfs"},
                 {0x01021994, "tmpfs"},
                 {0x794c7630, "overlay"},
                 {0x2fc12fc1, "0x2fc12fc1"},
                 {0xfffffffful, "0xffffffff"}};
    char name[32];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        machine_file_system_name(known[i].type, name, sizeof name);
        assert_string_equal(name, known[i].name);
    }
    machine_file_system("/nonexistent/data", name, sizeof name);
    assert_string_equal(name, "unknown");
    assert_false(machine_is_in_memory("/nonexistent/data"));
    machine_file_system("/dev/shm", name, sizeof name);
    if (strcmp(name, "tmpfs") == 0) /* as nearly everywhere */
        assert_true(machine_is_in_memory("/dev/shm"));
}

static void what_lies_in_proc_is_on_no_tmpfs(void **state)
{
    (void)state;
    char name[32];
    assert_false(machine_is_in_memory("/proc"));
    machine_file_system("/proc", name, sizeof name);
    assert_string_equal(name, "0x9fa0");
}

static void stolen_time_is_the_eighth_of_a_processors_times(void **state)
{
    (void)state;
    machine_times_t begin, end;
    assert_true(machine_read_times("cpu  100 20 30 400 50 0 7 11 90 5\n", &begin));
    assert_int_equal(begin.stolen, 11);
    assert_int_equal(begin.all, 618); /* without what guests took: it is in the first two */
    assert_true(machine_read_times("cpu  150 20 30 430 50 0 7 31", &end));
    assert_float_equal(machine_stolen_share(&begin, &end), 0.2, 1e-9);
    assert_float_equal(machine_stolen_share(&begin, &begin), 0, 1e-9);
    assert_float_equal(machine_stolen_share(&end, &begin), 0, 1e-9);
}

static void a_kernel_that_does_not_tell_it_has_none(void **state)
{
    (void)state;
    machine_times_t times;
    assert_false(machine_read_times("cpu  100 20 30 400 50 0 7\n", &times));
    assert_false(machine_read_times("cpu0 100 20 30 400 50 0 7 11 90 5\n", &times));
    assert_false(machine_read_times("", &times));
}

static void the_facts_of_this_machine_are_all_there(void **state)
{
    (void)state;
    static const char *const texts[] = {"processor", "kernel", "data_file_system",
                                        "compiler",  "libzmq", "lmdb"};
    result_t result;
    assert_int_equal(result_init(&result, "sample", NULL, 0), SL_OK);
    machine_put_facts(&result, "/tmp");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const cJSON *fact = cJSON_GetObjectItemCaseSensitive(result.facts, texts[i]);
        assert_true(cJSON_IsString(fact));
        assert_true(fact->valuestring[0] != '\0');
    }
    assert_true(cJSON_GetObjectItemCaseSensitive(result.facts, "cores")->valuedouble >= 1);
    assert_true(cJSON_GetObjectItemCaseSensitive(result.facts, "ram_mib")->valuedouble >= 1);
    machine_put_stolen(&result, &(machine_times_t){0});
    const cJSON *stolen = cJSON_GetObjectItemCaseSensitive(result.facts, "steal_share");
    assert_true(stolen == NULL || (stolen->valuedouble >= 0 && stolen->valuedouble < 1));
    result_fini(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_processors_name_and_flags_are_the_first_ones),
        cmocka_unit_test(a_hypervisor_is_a_flag_of_its_own_wherever_it_stands),
        cmocka_unit_test(a_setting_is_the_word_in_brackets),
        cmocka_unit_test(a_file_system_has_its_name_or_its_number),
        cmocka_unit_test(what_lies_in_proc_is_on_no_tmpfs),
        cmocka_unit_test(stolen_time_is_the_eighth_of_a_processors_times),
        cmocka_unit_test(a_kernel_that_does_not_tell_it_has_none),
        cmocka_unit_test(the_facts_of_this_machine_are_all_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
