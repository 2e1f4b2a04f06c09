/* What containers run when only their start is measured. */
int main(void) {
    return 0;
}
