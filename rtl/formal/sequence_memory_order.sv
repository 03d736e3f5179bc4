// sequence_memory_order: the words come out as they went in, in order, none lost and none twice, however they are taken.
//
// The solver chooses a place, and its word is followed from the write to the take. Every take is of the next place, a
// word waits until it is taken, and only written words are offered. Two banks, so that the choice between banks
// counts, too: the check begins with an empty memory, or two words before the second bank, and goes on for so many
// clocks that words of either bank are written, pass the five stages and are held up on the way.
`default_nettype none

module sequence_memory_order (
    input wire       clk_i,
    input wire       rst_ni,
    input wire       clear_i,
    input wire       write_i,
    input wire       word_i,
    input wire       restart_i,
    input wire       take_i
);
  localparam integer Depth = 4096;
  (* anyconst *) wire [11:0] place;
  (* anyconst *) wire second;
  wire [12:0] length;
  wire valid, exhausted, word;
  (* hierconn *) wire [12:0] \dut.address_q ;
  (* hierconn *) wire [5:2] \dut.valid_q ;

  sequence_memory #(
      .Width(1),
      .Depth(Depth)
  ) dut (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .clear_i(clear_i),
      .write_i(write_i),
      .word_i(word_i),
      .length_o(length),
      .restart_i(restart_i),
      .valid_o(valid),
      .word_o(word),
      .take_i(take_i),
      .exhausted_o(exhausted)
  );

  reg past = 0;
  reg [12:0] next; // the place whose word comes next
  reg known = 0; // the word of the place
  reg chosen, waits, was_word;
  wire taken = valid && take_i;
  wire written = write_i && length != 13'd4096;

  always @(posedge clk_i) begin
    past <= 1'b1;
    if (!past) next <= \dut.address_q + taken;
    if (!rst_ni || restart_i) next <= 13'd0;
    else if (past) next <= next + taken;
    if (!rst_ni || clear_i) known <= 1'b0;
    else if (written && length == place) {known, chosen} <= {1'b1, word_i};
    waits    <= rst_ni && !restart_i && valid && !take_i;
    was_word <= word;
  end

  always @* begin
    if (!past) begin
      assume (\dut.address_q == (second ? 13'd2046 : 13'd0) && \dut.valid_q == 4'd0);
      assume (length == \dut.address_q );
    end
    // A memory is cleared, and its words are written again, while nothing is read.
    assume (!clear_i || restart_i);
    if (past) begin
      if (valid) assert (next < length && next < \dut.address_q );
      if (valid && known && next == place) assert (word == chosen);
      if (waits) assert (valid && word == was_word);
      if (exhausted) assert (!valid && next == length);
    end
  end
endmodule

`default_nettype wire
