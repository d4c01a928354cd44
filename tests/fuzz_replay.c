/* fuzz_replay.c - runs a fuzz target over every file of a corpus folder, without libFuzzer.
 *
 * What a fuzzer once found stays found: the sanitizer builds run this as a test.  An empty folder
 * is a mistake, since a test that reads nothing cannot fail. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads the file into memory of exactly its size, so that ASan sees a read beyond it. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return -1;
    int result = -1;
    uint8_t *data = NULL;
    if (fseek(file, 0, SEEK_END) != 0)
        goto done;
    long size = ftell(file);
    rewind(file);
    if (size < 0)
        goto done;
    data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size)
        goto done;
    LLVMFuzzerTestOneInput(data, (size_t)size);
    result = 0;
done:
    free(data);
    fclose(file);
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    DIR *folder = opendir(argv[1]);
    if (folder == NULL) {
        perror(argv[1]);
        return 1;
    }
    int files = 0, failed = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (replay_file(path) == 0) {
            files++;
        } else {
            perror(path);
            failed++;
        }
    }
    closedir(folder);
    printf("%d inputs replayed\n", files);
    return files == 0 || failed > 0;
}
